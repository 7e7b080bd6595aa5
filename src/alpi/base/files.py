"""Files of the profile: private folders, atomic replacement, durable append. Every write to a profile goes through here."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StorageError

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600


@contextmanager
def storage_errors(path: Path, doing: str) -> Iterator[None]:
    """Translate an ``OSError`` into a StorageError that says what was being done to which file, and what to do."""
    try:
        yield
    except OSError as error:
        hints = {
            errno.ENOSPC: "The disk is full: free some space and try again; nothing that was saved before is lost",
            errno.EDQUOT: "Your disk quota is used up: free some space and try again",
            errno.EROFS: "The disk is mounted read-only: remount it, or choose another home with ALPI_HOME",
            errno.EACCES: f"Check who owns it: ls -ld {path.parent}",
            errno.EPERM: f"Check who owns it: ls -ld {path.parent}",
            errno.ELOOP: "It is a link, and alpi does not write through links there: look where it leads, and remove it",
        }
        what = os.strerror(error.errno) if error.errno else str(error)
        raise StorageError(f"could not {doing} {path}: {what}", hints.get(error.errno or 0, "")) from error


def private_dir(path: Path) -> Path:
    """Make a folder, and those above it that are missing, for its owner's eyes only (0700). Returns ``path``.

    A folder that exists keeps its permissions: ``doctor`` reports a lax one, a person may have meant it.
    """
    if path.is_dir():
        return path
    with storage_errors(path, "make the folder"):
        missing = [path]
        while not missing[-1].parent.exists():
            missing.append(missing[-1].parent)
        for folder in reversed(missing):
            try:
                folder.mkdir(PRIVATE_DIR)
            except FileExistsError:
                if not folder.is_dir():
                    raise
    return path


def write_atomic(
    path: Path, data: bytes, mode: int = PRIVATE_FILE, before_rename: Callable[[], None] = lambda: None
) -> None:
    """Replace a file's content so that a reader, or a crash, sees the old bytes or the new ones and nothing between.

    The new content is written to a fresh file in the same folder (never through a link that somebody planted), flushed to
    the disk and renamed; the folder is flushed too. ``before_rename`` runs at the last moment before; where it raises, the old
    content stands.

    Raises:
        StorageError: it could not be written; the old content stands.
    """
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}.tmp"
    with storage_errors(path, "write"):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            before_rename()
            temporary.replace(path)
        except BaseException:  # also Ctrl-C: nothing half-written stays
            temporary.unlink(missing_ok=True)
            raise
        sync_dir(path.parent)


def sync_dir(path: Path) -> None:
    """Flush a folder's own entry list, so that a new or renamed file survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and FUSE file systems cannot flush a folder; the file's own flush has been done.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def read_text(path: Path, limit: int = 4 << 20) -> str | None:
    """A text file of the profile, or ``None`` where there is none.

    Raises:
        StorageError: unreadable, longer than ``limit`` bytes, or not UTF-8.
    """
    with storage_errors(path, "read"):
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return None
    if len(data) > limit:
        raise StorageError(
            f"{path} is larger than {limit >> 20} MiB", "It does not look like a file of alpi's; move it away"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StorageError(f"{path} is not UTF-8 text (byte {error.start})", "Save it again as UTF-8") from error
