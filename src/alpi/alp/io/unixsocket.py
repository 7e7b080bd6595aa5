"""The Unix socket of a profile: bound privately, a stale one replaced, and the uid of whoever calls."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...base.errors import AlpiError, StorageError
from ...base.files import storage_errors

LONGEST = 100
"""Bytes that fit into a socket's address everywhere (Linux has 108, macOS 104, with a final zero)."""
_LOCAL_PEERCRED = 1  # macOS, <sys/un.h>; the socket module does not name it


class SocketInUse(AlpiError):
    """A process is listening at this socket already. ``pid`` is which, or 0 where unknown."""

    def __init__(self, message: str, hint: str = "", pid: int = 0) -> None:
        super().__init__(message, hint)
        self.pid = pid


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name for a socket that is short enough for the kernel, while the block runs."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    if sys.platform != "linux":
        raise StorageError(f"the path of the socket is too long: {path}", "Choose a shorter home with ALPI_HOME")
    with storage_errors(path.parent, "open"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def bind(path: Path) -> socket.socket:
    """A listening socket (0600) at ``path``, whose folder is private. A stale one is replaced.

    Raises:
        SocketInUse: a process is listening there; the message names it.
        StorageError: something else is there, or it cannot be made.
    """
    _clear(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with storage_errors(path, "make the socket"), reachable(path) as name:
            made.bind(name)
            os.chmod(path, 0o600)
            made.listen(128)
        made.setblocking(False)
    except BaseException:  # a cancelled task, too
        made.close()
        raise
    return made


def remove(path: Path) -> None:
    """Take the socket's file away, if it is a socket."""
    with storage_errors(path, "remove"), contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()


def peer_uid(connection: socket.socket) -> int:
    """The user that the other end of a Unix socket runs as, as the kernel says."""
    return _credentials(connection)[1]


def _clear(path: Path) -> None:
    with storage_errors(path, "look at"):
        try:
            kind = path.lstat().st_mode
        except FileNotFoundError:
            return
    if not stat.S_ISSOCK(kind):
        raise StorageError(f"{path} is there and is no socket", "Look at it, and move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, reachable(path) as name:
        probe.settimeout(1.0)
        try:
            probe.connect(name)
        except OSError as error:
            if error.errno not in (errno.ECONNREFUSED, errno.ENOENT):
                raise SocketInUse(
                    f"{path} is in use, and does not answer", "End the process that listens there"
                ) from error
        else:
            pid = _credentials(probe)[0]
            who = f"process {pid}" if pid else "another process"
            raise SocketInUse(
                f"{who} is listening at {path} already", "One service runs for each profile; end that one first", pid
            )
    remove(path)


def _credentials(connection: socket.socket) -> tuple[int, int]:
    """Process (0 where the system does not say) and user of the other end."""
    if sys.platform == "linux":
        pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return pid, uid
    _, uid = struct.unpack("2I", connection.getsockopt(0, _LOCAL_PEERCRED, 76)[:8])
    return 0, uid
