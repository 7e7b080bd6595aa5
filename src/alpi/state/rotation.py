"""Size rotation of logs: a full file gets the next number and keeps it for life; the lowest numbers go first.

``approval.log`` becomes ``approval.log.1``, the next one ``approval.log.2``. A file is renamed once, never shifted, so a finding that
names a file stays true and a crash between two renames cannot leave a gap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..base.files import storage_errors, sync_dir


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a log is full (bytes), and how many full ones stay beside it."""

    largest: int = 5 << 20
    keep: int = 9


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
