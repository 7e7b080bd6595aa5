"""Whether a profile is in use: shown by a shared lock, so that nobody renames or removes it under a person who talks in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.errors import StorageError, UsageError
from ..base.files import PRIVATE_FILE, private_dir
from ..base.locks import FileLock, Locked

PRESENCE = "in-use"


class Presence:
    """Shows to other processes that a profile is in use, for as long as this object lives or until ``release``.

    A shared lock, freed by the kernel when its holder dies. Where it cannot be had (a read-only disk) the profile works all the same:
    it only keeps a profile from being renamed or removed under somebody who talks in it.
    """

    def __init__(self, run: Path) -> None:
        self._descriptor: int | None = None
        with contextlib.suppress(OSError, StorageError):
            private_dir(run)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(run / PRESENCE, flags, PRIVATE_FILE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:  # being renamed or removed at this moment
                os.close(descriptor)
            else:
                self._descriptor = descriptor

    def release(self) -> None:
        """No longer in use by this object."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.release()


@contextmanager
def unused(home: Path, name: str) -> Iterator[None]:
    """Hold a profile so that nobody can begin to use it.

    Raises:
        UsageError: somebody uses it: a chat is open in it, or a turn, a service or a command is running.
    """
    busy = UsageError(f"the profile {name} is in use", f"Close its chats and services first (alpi -p {name})")
    lock = FileLock(home / "run" / PRESENCE, wait=0, what=f"the profile {name}")
    try:
        lock.acquire()
    except Locked as error:
        raise busy from error
    try:
        if any(is_held(path) for path in locks(home) if path != lock.path):
            raise busy
        yield
    finally:
        lock.release()


def locks(home: Path) -> list[Path]:
    """The lock files of a profile, held or not."""
    found = [path for folder in ("run", "sessions", "memory") for path in sorted((home / folder).glob("*.lock"))]
    presence = home / "run" / PRESENCE
    return [*found, presence] if presence.exists() else found


def is_held(path: Path) -> bool:
    """Whether somebody holds a lock file.

    Raises:
        StorageError: it cannot be looked at.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"could not look at {path}: {error.strerror}", f"ls -l {path}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
