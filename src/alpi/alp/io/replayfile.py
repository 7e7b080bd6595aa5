"""The replay memory on the disk: one line for each accepted nonce, on its way to the disk before the request is answered.

A line reaches the kernel with one ``write``, so that it outlives the process in any case; before a turn begins it is flushed, so that it
outlives the machine, too. Now and then the file is written anew with what still counts.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol

from ...base.errors import StorageError
from ...base.files import PRIVATE_FILE, storage_errors, write_atomic
from ..core.envelope import CLOCK_SECONDS, NONCE
from ..core.identity import decode_key
from ..core.replay import KEPT_SECONDS, Floor, ReplayWindow, Seen

LARGEST = 256 << 20
SLACK = 4096
"""Lines that may be out of date before the file is written anew, besides as many as still count."""


class ReplayStore(Protocol):
    """Where a node keeps its replay memory between runs."""

    def open(self, now: float) -> ReplayWindow:
        """The memory of the last run. ``now`` in seconds since 1970."""
        ...

    def keep(self, seen: Seen, durable: bool) -> None:
        """Keep one more, before its request is answered; ``durable``: also through a power cut.

        Raises:
            StorageError: it could not be kept; the request must not be done.
        """
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class ReplayFile:
    """Args:
    path: ``<profile>/alp/replay.log``. One process at a time may have it open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._window = ReplayWindow()
        self._descriptor = -1
        self._lines = 0
        self._size = 0

    def open(self, now: float) -> ReplayWindow:
        """See ``ReplayStore``. Where the file is damaged, nothing counts any more that was sent before now.

        Raises:
            StorageError: it cannot be read or written.
        """
        data = b""
        with storage_errors(self.path, "read"), contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            data = file.read(LARGEST + 1)
        *lines, _ = data.split(b"\n")  # what follows the last newline was being written, and not answered yet
        records = [_read(line) for line in lines]
        whole = [record for record in records if record is not None and _counts(record, now)]
        damaged = len(data) > LARGEST or None in records
        self._window = ReplayWindow(whole, floor=now + CLOCK_SECONDS if damaged else float("-inf"))
        self._rewrite()
        return self._window

    def keep(self, seen: Seen, durable: bool) -> None:
        """See ``ReplayStore``."""
        if self._lines > 2 * len(self._window) + SLACK:
            self._rewrite()
        line = _line(seen)
        with storage_errors(self.path, "write to"):
            try:
                written = os.write(self._descriptor, line)
                if written != len(line):
                    raise StorageError(f"could not write to {self.path}", "The disk may be full")
                if durable:
                    os.fsync(self._descriptor)
            except BaseException:  # stopped by Ctrl-C, too: no half line may stay
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._size)
                raise
        self._size += len(line)
        self._lines += 1

    def close(self) -> None:
        """See ``ReplayStore``."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _rewrite(self) -> None:
        lines = [_line(record) for record in self._window.records()]
        write_atomic(self.path, b"".join(lines))
        self.close()
        with storage_errors(self.path, "open"):
            self._descriptor = os.open(
                self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE
            )
        self._lines = len(lines)
        self._size = sum(map(len, lines))


class ReplayInMemory:
    """For tests and for nodes that live as long as the process. The same object is handed to the next run."""

    def __init__(self) -> None:
        self._window = ReplayWindow()

    def open(self, now: float) -> ReplayWindow:
        """See ``ReplayStore``."""
        self._window = ReplayWindow(list(self._window.records()))
        return self._window

    def keep(self, seen: Seen, durable: bool) -> None:
        """See ``ReplayStore``: it is in the window already."""

    def close(self) -> None:
        """See ``ReplayStore``."""


def _counts(record: Seen | Floor, now: float) -> bool:
    return isinstance(record, Floor) or record.received + KEPT_SECONDS >= now


def _line(record: Seen | Floor) -> bytes:
    if isinstance(record, Floor):
        return f"floor {record.ts!r} {record.sender}\n".encode()
    return f"{record.received!r} {record.ts!r} {record.sender} {record.nonce.hex()}\n".encode()


def _read(line: bytes) -> Seen | Floor | None:
    """A line's record, or ``None`` where it is none."""
    try:
        parts = line.decode("ascii").split(" ")
        if parts[0] == "floor" and len(parts) == 3 and decode_key(parts[2]) is not None:
            return Floor(parts[2], float(parts[1]))
        received, ts, sender, nonce = parts
        made = Seen(sender, bytes.fromhex(nonce), float(received), float(ts))
    except ValueError:
        return None
    return made if decode_key(sender) is not None and len(made.nonce) == NONCE else None
