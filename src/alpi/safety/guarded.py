"""Files opened for tools: judged on the descriptor that is then used, so that a link swapped in between changes nothing.

A path that was judged can be replaced by a link before it is opened. So a file is opened first, what was really opened is asked of
the kernel, and that is judged; only then is it read. Writing happens relative to an open folder that was judged, into a fresh
file, which is then renamed over the old one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ..base.errors import AlpiError, Refused, StorageError
from ..base.files import storage_errors
from .paths import Access, PathGuard
from .tiers import Tier


class FileState(msgspec.Struct, frozen=True):
    """What a file was when it was read: enough to notice that it has changed since."""

    size: int
    mtime_ns: int
    inode: int


Keep = Callable[[Path, bytes | None, int, bytes], Callable[[], None]]
"""Keeps what a file holds before it is changed: real path, old content (``None``: there was none), permissions, new content. What it
returns is called once the change was made. What it raises keeps the change from being made."""


class GuardedFiles:
    """Reads and writes on behalf of tools.

    Args:
        guard: the judge.
        allowed: says whether a path that needs a person's yes has got it (``path, access``); the gate provides it.
        keep: called around each change, so that it can be taken back.
    """

    def __init__(self, guard: PathGuard, allowed: Callable[[Path, Access], bool], keep: Keep | None = None) -> None:
        self.guard = guard
        self._allowed = allowed
        self._keep = keep

    @contextmanager
    def open_read(self, path: Path) -> Iterator[tuple[int, Path, os.stat_result]]:
        """Open a regular file; gives descriptor, real path and state.

        Raises:
            Refused: what was opened may not be read.
            FileNotFoundError, IsADirectoryError, PermissionError, StorageError: as they are named.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            real = descriptor_path(descriptor, path)
            self._check(real, "read")
            state = os.fstat(descriptor)
            if stat.S_ISDIR(state.st_mode):
                raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
            if not stat.S_ISREG(state.st_mode):
                raise StorageError(f"{path} is not a regular file (a device, pipe or socket)", "Name a file")
            self._check_hard_links(state, real)
            yield descriptor, real, state
        finally:
            os.close(descriptor)

    def read(self, path: Path, limit: int) -> tuple[bytes, Path, FileState]:
        """The first ``limit`` bytes of a file, its real path and its state. Raises what ``open_read`` raises."""
        with self.open_read(path) as (descriptor, real, state):
            chunks, left = [], limit
            while left > 0 and (chunk := os.read(descriptor, min(left, 1 << 20))):
                chunks.append(chunk)
                left -= len(chunk)
            return b"".join(chunks), real, FileState(state.st_size, state.st_mtime_ns, state.st_ino)

    def write(self, path: Path, data: bytes, expected: FileState | None = None) -> Path:
        """Create or replace a file atomically, keeping the permissions of the one that stands. Returns its real path.

        ``expected``: the state that the file must still have, when the new content was made from it.

        Raises:
            Refused: it may not be written.
            StorageError: it could not be, or it changed meanwhile; the old content stands.
        """
        real = Path(os.path.realpath(path))
        with storage_errors(real, "write"), self._open_folder(real.parent) as (folder, real_folder):
            real = real_folder / real.name
            self._check(real, "write")
            mode = self._mode_of(folder, real, expected)
            done = self._keep(real, _content(folder, real.name), mode, data) if self._keep is not None else None
            temporary = f".alpi.{secrets.token_hex(8)}.tmp"  # without the name: that may be as long as a name can be
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    os.fchmod(file.fileno(), mode)
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(temporary, real.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:  # also Ctrl-C: nothing half-written stays
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            with contextlib.suppress(OSError):
                os.fsync(folder)
            if done is not None:
                with contextlib.suppress(AlpiError):  # the change is made; its undo finds it by its content as well
                    done()
        return real

    def _check(self, real: Path, access: Access) -> None:
        verdict = self.guard.judge_real(real, access)
        if verdict.tier is Tier.DANGEROUS or (verdict.tier is Tier.CAUTION and not self._allowed(real, access)):
            raise Refused(verdict.reason)

    def _check_hard_links(self, state: os.stat_result, real: Path) -> None:
        if state.st_nlink < 2:
            return
        for path in self.guard.protected_files():
            with contextlib.suppress(OSError):
                other = path.stat()
                if (other.st_dev, other.st_ino) == (state.st_dev, state.st_ino):
                    raise Refused(f"{real} is another name of {path}, which is where credentials are kept")

    def _mode_of(self, folder: int, real: Path, expected: FileState | None) -> int:
        try:
            state = os.stat(real.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            if expected is not None:
                raise StorageError(f"{real} was removed meanwhile", "Read it again before you change it") from None
            umask = os.umask(0o077)
            os.umask(umask)
            return 0o666 & ~umask
        if stat.S_ISDIR(state.st_mode):
            raise StorageError(f"{real} is a folder", "Name a file in it")
        if not stat.S_ISREG(state.st_mode):
            raise StorageError(f"{real} is not a regular file", "Name a regular file")
        self._check_hard_links(state, real)
        if expected is not None and FileState(state.st_size, state.st_mtime_ns, state.st_ino) != expected:
            raise StorageError(f"{real} was changed by somebody else meanwhile", "Read it again before you change it")
        return stat.S_IMODE(state.st_mode) & 0o777

    @contextmanager
    def _open_folder(self, folder: Path) -> Iterator[tuple[int, Path]]:
        """Open a folder, making it and those above it that are missing, each one judged before it is made."""
        missing: list[str] = []
        standing = folder
        while not standing.exists():
            missing.append(standing.name)
            standing = standing.parent
        descriptor = os.open(standing, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        real = descriptor_path(descriptor, standing)
        try:
            for name in reversed(missing):
                self._check(real / name, "write")
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o777, dir_fd=descriptor)
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
                real = real / name
            yield descriptor, real
        finally:
            os.close(descriptor)


def _content(folder: int, name: str) -> bytes | None:
    """What a file of an open folder holds now, or ``None`` where there is none."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def descriptor_path(descriptor: int, path: Path) -> Path:
    """What an open descriptor really is, asked of the kernel; ``path`` resolved where the system cannot say."""
    if sys.platform == "darwin":
        import fcntl

        answer = fcntl.fcntl(descriptor, 50, b"\0" * 1024)  # F_GETPATH
        return Path(os.fsdecode(answer.rstrip(b"\0")))
    try:
        real = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return Path(os.path.realpath(path))
    return Path(real.removesuffix(" (deleted)"))
