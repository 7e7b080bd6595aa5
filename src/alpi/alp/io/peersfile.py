"""``peers.yaml`` as a running node sees it: read once, and again only when the file has changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from ...base.errors import ConfigError
from ..core.peers import PeerBook
from ..core.peerstext import LARGEST, parse_peers
from .keyfile import check_private

State = tuple[int, int, int, int, int]


class PeersSource(Protocol):
    """Where a node has its peers from."""

    def book(self) -> PeerBook:
        """The peers as they are now. Quick: it is asked for each request. Never raises: a broken list is an empty book with a problem."""
        ...


class PeersFile:
    """Args:
    path: ``<profile>/alp/peers.yaml``. A missing file holds nobody.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: State | None = None
        self._book = PeerBook()

    def book(self) -> PeerBook:
        """See ``PeersSource``. Only ``stat`` is called while the file is the same."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            self._state, self._book = None, PeerBook()
            return self._book
        except OSError as error:
            self._state, self._book = None, self._broken(f"{self.path} cannot be read: {error.strerror}")
            return self._book
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if state != self._state:
            self._state, self._book = state, self._read()
        return self._book

    def _read(self) -> PeerBook:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                self._check(os.fstat(file.fileno()))
                data = file.read(LARGEST + 1)
            return parse_peers(data.decode("utf-8"), self.path)
        except ConfigError as error:
            return self._broken(error.message)
        except OSError as error:
            return self._broken(f"{self.path} cannot be read: {error.strerror}")
        except UnicodeDecodeError as error:
            return self._broken(f"{self.path} is not UTF-8 text (byte {error.start})")

    def _check(self, state: os.stat_result) -> None:
        """Whoever may write it may pin himself. In a folder that nobody else may enter the file's own mode does not matter."""
        open_folder = self.path.parent.stat().st_mode & 0o077
        check_private(self.path, state, 0o022 if open_folder else 0)

    def _broken(self, why: str) -> PeerBook:
        return PeerBook(problem=f"{why}; until it is mended no peer is admitted")


class FixedPeers:
    """Peers that do not change, for whoever has them from elsewhere."""

    def __init__(self, book: PeerBook) -> None:
        self._book = book

    def book(self) -> PeerBook:
        """See ``PeersSource``."""
        return self._book
