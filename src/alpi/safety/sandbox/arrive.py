"""The last step inside bubblewrap, run as ``python -I -S -c SOURCE ORDER REPORT ERRORS``: check every mount, then be the command.

Bubblewrap takes paths, and a process of an earlier command may swap a folder of the workspace for a link in the moment between looking
and mounting. What is mounted can no longer be swapped, so it is compared here, once, before anything untrusted runs.
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:  # only its C half: the enums around it would cost a third of this process's start
    import _signal as signal

FAILED, NOT_FOUND = 125, 127


def mounts(table: bytes) -> dict[bytes, tuple[bytes, bytes, bytes]]:
    """Mount point to device, root in the file system, and type, of /proc/self/mountinfo; the topmost mount of each point."""
    found = {}
    for line in table.splitlines():
        before, _, after = line.partition(b" - ")
        fields = before.split()
        point, root = (unescaped(field) for field in (fields[4], fields[3]))
        found[point] = (fields[2], root, after.split()[0])
    return found


def unescaped(field: bytes) -> bytes:
    """Blank, tab, newline and backslash are written as three octal digits there (proc_pid_mountinfo(5))."""
    for code in (b"040", b"011", b"012", b"134"):
        field = field.replace(b"\\" + code, bytes([int(code, 8)]))
    return field


def misplaced(
    found: dict[bytes, tuple[bytes, bytes, bytes]], same: list[tuple[bytes, bytes]], covered: list[bytes]
) -> bytes:
    """The first path that is not what it should be, or ``b""``.

    ``same`` are pairs of a path and the mounted folder above it: the path must be mounted and show that folder's own content.
    ``covered`` must be mounted and show nothing of the disk.
    """
    for path, above in same:
        here, over = found.get(path), found.get(above)
        if (
            here is None
            or over is None
            or here[0] != over[0]
            or here[1] != over[1].rstrip(b"/") + path[len(above.rstrip(b"/")) :]
        ):
            return path
    for path in covered:
        here = found.get(path)
        # A covered file shows the null device, which lies on the device file system.
        if here is None or (here[2] != b"tmpfs" and not here[1].endswith(b"/null")):
            return path
    return b""


def give_up(message: bytes, status: int) -> None:
    """End without running the command."""
    os.write(2, b"sandbox: " + message + b"\n")
    os._exit(status)


def main() -> None:
    """Report to the helper outside, check, and become the command. The arguments are descriptors."""
    order, report, errors = map(int, sys.argv[1:])
    os.write(report, b"+")
    os.close(report)
    os.dup2(errors, 2)
    os.close(errors)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python changes these at its start, and the command would inherit it
    with os.fdopen(order, "rb") as file:
        spec = marshal.load(file)
    with os.fdopen(os.open("/proc/self/mountinfo", os.O_RDONLY), "rb") as table:
        wrong = misplaced(mounts(table.read()), spec["same"], spec["covered"])
    if wrong:
        give_up(b"not started: " + wrong + b" changed while the sandbox was put up", FAILED)
    try:
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
    except OSError as error:
        give_up(f"{spec['argv'][0]}: {error.strerror}".encode(), NOT_FOUND)


if __name__ == "__main__":
    main()
