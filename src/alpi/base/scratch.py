"""Folders that live no longer than who made them, even where that is killed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .locks import FileLock, Locked


@contextmanager
def scratch_folder(parent: Path, kind: str) -> Iterator[Path]:
    """A fresh private folder, gone afterwards. Those of this kind that killed processes have left go first.

    Raises:
        StorageError: it cannot be made.
    """
    remove_leftovers(parent, kind)
    folder = parent / f"{kind}-{secrets.token_hex(6)}"
    with FileLock(folder / "lock", wait=0, what=f"{kind} in {folder}"):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(parent: Path, kind: str) -> None:
    """Remove the folders of a kind that nobody uses: whose lock nobody holds."""
    for folder in parent.glob(f"{kind}-*"):
        try:
            with FileLock(folder / "lock", wait=0):
                shutil.rmtree(folder, ignore_errors=True)
        except Locked:
            continue
