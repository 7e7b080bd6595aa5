"""Which files of a profile belong into a backup, and each as it was at one moment, while turns may be running."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...base.errors import StorageError
from ...base.files import storage_errors
from ..held import held

OTHERS = frozenset({"profiles", "removed"})
"""Folders in the default profile's home that belong to others."""
MADE_AGAIN = frozenset({"run", "index", "cache"})
"""What processes make again by themselves: locks, sockets, the search index."""
HEAD = "run/approval.head"
"""The one file in ``run`` that cannot be made again: the end of the audit chain."""
JOURNALS = re.compile(r".*\.jsonl|logs/(agent|approval)\.log(\.[0-9]+)?")
LEFTOVER = re.compile(r"\..*\.tmp|.*\.lock")


@dataclass(frozen=True, slots=True)
class Part:
    """One file: its name below the home (with ``/``), an open file at its beginning, and how much of it counts (bytes)."""

    name: str
    file: BinaryIO
    size: int
    changed: float
    executable: bool


class Tree:
    """The files of one profile.

    Args:
        home: the profile's folder.
        undo: with what files held before a tool changed them. It can be large, and is of little use on another machine.
    """

    def __init__(self, home: Path, undo: bool = False) -> None:
        self.home = home
        self.left_out: list[str] = []
        self._skipped = MADE_AGAIN if undo else MADE_AGAIN | {"undo"}

    def parts(self) -> Iterator[Part]:
        """Each file once; it is open while its turn lasts. What is neither file nor folder is noted in ``left_out``.

        A journal counts up to its last whole line. The audit log and its head are taken together, under their lock.

        Raises:
            StorageError: a file cannot be read.
        """
        with ExitStack() as stack:
            chain = self._chain(stack)
            yield from chain
            taken = {part.name for part in chain}
            for name in self._names(""):
                if name in taken:
                    continue
                with ExitStack() as one:
                    part = self._part(name, one)
                    if part is not None:
                        yield part

    def _chain(self, stack: ExitStack) -> list[Part]:
        """The audit log's files, oldest first, and its head."""
        folder = self.home / "logs"
        names = sorted(f"logs/{path.name}" for path in folder.glob("approval.log*")) if folder.is_dir() else []
        if not names:
            return []
        with ExitStack() as lock:
            if os.access(self.home, os.W_OK):  # on a disk gone read-only nobody adds a line
                lock.enter_context(held(self.home / "run" / "approval.lock", "approval.log"))
            found = [self._part(name, stack) for name in [HEAD, *names]]
        return [part for part in found if part is not None]

    def _names(self, folder: str) -> Iterator[str]:
        with storage_errors(self.home / folder, "list"):
            entries = sorted(os.scandir(self.home / folder), key=lambda entry: entry.name)
        for entry in entries:
            name = f"{folder}{entry.name}"
            if LEFTOVER.fullmatch(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if name not in self._skipped and name not in OTHERS:
                    yield from self._names(f"{name}/")
            elif entry.is_file(follow_symlinks=False):
                yield name
            elif not stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode):
                self.left_out.append(f"{self.home / name} ({'a link' if entry.is_symlink() else 'not a file'})")

    def _part(self, name: str, stack: ExitStack) -> Part | None:
        path = self.home / name
        with storage_errors(path, "read"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            except FileNotFoundError:
                return None  # removed since the folder was listed
            file = stack.enter_context(os.fdopen(descriptor, "rb"))
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise StorageError(f"{path} changed into something else while it was being read", "Try again")
            size = _whole_lines(file, state.st_size) if JOURNALS.fullmatch(name) else state.st_size
        return Part(name, file, size, state.st_mtime, bool(state.st_mode & 0o100))


def _whole_lines(file: BinaryIO, size: int) -> int:
    """The size up to and with the last newline."""
    end = size
    while end > 0:
        start = max(0, end - 65536)
        place = os.pread(file.fileno(), end - start, start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0
