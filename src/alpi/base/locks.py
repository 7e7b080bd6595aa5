"""Locks between processes: an advisory ``flock`` on a small file, freed by the kernel when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from .errors import AlpiError
from .files import PRIVATE_FILE, private_dir, storage_errors


class Locked(AlpiError):
    """Somebody else holds the lock. ``pid`` is who, or 0 where unknown."""

    def __init__(self, message: str, hint: str = "", pid: int = 0) -> None:
        super().__init__(message, hint)
        self.pid = pid


class FileLock:
    """An exclusive lock, as a context manager.

    The lock file holds the holder's process id for messages only; the lock itself is the kernel's, so that a killed
    process never leaves one behind.

    Args:
        path: the lock file; its folder is made when missing.
        wait: seconds to wait for it; 0 fails at once.
        what: what is being protected, for the message.
        remove: take the file away on release, where there would be many. Whoever waited for it notices, and takes the new one.
    """

    def __init__(self, path: Path, wait: float = 10.0, what: str = "", remove: bool = False) -> None:
        self.path = path
        self.wait = wait
        self.what = what or path.name
        self._remove = remove
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            Locked: it was not free in time.
            StorageError: the lock file cannot be made.
        """
        private_dir(self.path.parent)
        deadline = time.monotonic() + self.wait
        descriptor = self._take(deadline)
        while not self._is_the_file(descriptor):  # the one before has removed it on release
            os.close(descriptor)
            descriptor = self._take(deadline)
        with contextlib.suppress(OSError):  # a full disk must not keep anybody from locking: the number is for messages
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._descriptor is not None:
            if self._remove:
                # On a disk gone read-only the file stays; the lock is free all the same.
                with contextlib.suppress(OSError):
                    self.path.unlink()
            os.close(self._descriptor)
            self._descriptor = None

    def _take(self, deadline: float) -> int:
        with storage_errors(self.path, "open the lock"):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
        pause = 0.002
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    pid = _holder(descriptor)
                    os.close(descriptor)
                    who = f"process {pid}" if pid else "another process"
                    raise Locked(
                        f"{self.what} is in use by {who}", "Wait until it is done, or end that process", pid
                    ) from None
                time.sleep(pause)
                pause = min(pause * 1.5, 0.05)

    def _is_the_file(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _holder(descriptor: int) -> int:
    try:
        return int(os.pread(descriptor, 20, 0).decode() or 0)
    except (OSError, ValueError):
        return 0
