"""Holding a store's lock, with one kind of error for whatever keeps a store from being used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.errors import StorageError
from ..base.locks import FileLock, Locked


@contextmanager
def held(path: Path, what: str, wait: float = 10.0) -> Iterator[None]:
    """Hold the lock at ``path`` while ``what`` is read and written; wait up to ``wait`` seconds for it.

    Raises:
        StorageError: another process did not let go of it in time, or the lock file cannot be made.
    """
    lock = FileLock(path, wait, what)
    try:
        lock.acquire()
    except Locked as error:
        raise StorageError(error.message, error.hint) from error
    try:
        yield
    finally:
        lock.release()
