"""Size rotation of logs: a full file gets the next number and keeps it for life; the lowest numbers go first.

``approval.log`` becomes ``approval.log.1``, the next one ``approval.log.2``. A file is renamed once, never shifted, so a finding that
names a file stays true and a crash between two renames cannot leave a gap.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..base.files import PRIVATE_FILE, private_dir, storage_errors, sync_dir
from ..base.locks import FileLock


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a log is full (bytes), and how many full ones stay beside it."""

    largest: int = 5 << 20
    keep: int = 9


@dataclass(frozen=True)
class RotatedFile:
    """A log of lines that several processes may write at once. ``lock`` is taken only to rotate it."""

    path: Path
    lock: Path
    rotation: Rotation = Rotation()

    def append(self, line: bytes) -> None:
        """Write one line, which ends in a newline; it is not flushed to the disk.

        Raises:
            AlpiError, OSError: it could not be written.
        """
        private_dir(self.path.parent)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, PRIVATE_FILE)
        try:
            state = os.fstat(descriptor)
            if state.st_mode & 0o077:
                os.fchmod(descriptor, PRIVATE_FILE)
            if state.st_size and os.pread(descriptor, 1, state.st_size - 1) != b"\n":
                line = b"\n" + line  # a writer was killed in the middle of its line
            if os.write(descriptor, line) != len(line):
                raise OSError("the line was written in part")
        finally:
            os.close(descriptor)
        if state.st_size + len(line) > self.rotation.largest:
            self._rotate()

    def _rotate(self) -> None:
        with FileLock(self.lock, wait=0, what=self.path.name):
            if self.path.stat().st_size > self.rotation.largest:  # nobody was faster
                rotate(self.path)
                for path in surplus(self.path, self.rotation.keep):
                    path.unlink(missing_ok=True)


def rotated(path: Path) -> list[Path]:
    """The full files of a log, oldest first."""
    return [found for _, found in sorted(_numbered(path))]


def rotate(path: Path) -> Path:
    """Give the log's present file its number. Returns the new name.

    Raises:
        StorageError: it could not be renamed; nothing has changed.
    """
    numbers = _numbered(path)
    target = path.with_name(f"{path.name}.{max(numbers)[0] + 1 if numbers else 1}")
    with storage_errors(path, "rotate"):
        path.rename(target)
        sync_dir(path.parent)
    return target


def surplus(path: Path, keep: int) -> list[Path]:
    """The full files beyond the ``keep`` newest ones, oldest first: what may be deleted."""
    found = rotated(path)
    return found[: max(0, len(found) - keep)]


def _numbered(path: Path) -> list[tuple[int, Path]]:
    pattern = re.compile(re.escape(path.name) + r"\.([1-9][0-9]{0,8})")
    with storage_errors(path.parent, "list"):
        try:
            names = [entry.name for entry in path.parent.iterdir()]
        except FileNotFoundError:
            return []
    return [(int(match[1]), path.with_name(name)) for name in names if (match := pattern.fullmatch(name))]
