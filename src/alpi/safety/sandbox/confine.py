"""The helper between alpi and a confined command: started by path as ``python -I -S confine.py FD``, it imports nothing of alpi.

It reads what to do from FD (a marshalled dict that ``wrap`` made), confines itself, and becomes the command. A process of its own
costs about ten milliseconds and needs no code between fork and exec of a threaded program, which could hang on a lock that another
thread holds.

It stays as the parent. For Landlock, orphans come back to it, so when the command ends, or SIGTERM arrives, nothing that was started
survives. For bubblewrap, it tries again when another program's file that was to be covered went away at the last moment. It stands
outside of the confinement itself, so the command can neither read nor (from Landlock 6 on) signal it.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import resource
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any
else:  # only the C half of signal: the enums around it, and typing, would double this short-lived process's start
    import _signal as signal

CREATE_RULESET, ADD_RULE, RESTRICT_SELF, OPENAT2 = 444, 445, 446, 437  # the same on both processors
RESOLVE_NO_SYMLINKS = 4
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47
SECCOMP_MODE_FILTER, PR_CAP_AMBIENT_CLEAR_ALL, RULE_PATH_BENEATH = 2, 4, 1
CAPABILITY_VERSION_3 = 0x20080522
FILE_RIGHTS = 1 | 2 | 4 | 1 << 14 | 1 << 15
"""EXECUTE, WRITE_FILE, READ_FILE, TRUNCATE, IOCTL_DEV: the only rights that a rule on a file, not a folder, may carry."""
OWN_PROC = 4 | 8
FAILED, NOT_FOUND = 125, 127
"""Exit statuses as of env(1): the confinement could not be put up; the command is not there."""
PATIENCE = 2.0


class RulesetAttr(ctypes.Structure):
    """``struct landlock_ruleset_attr``. Fields that an old kernel does not know are 0 there, which it accepts."""

    _fields_ = (("files", ctypes.c_uint64), ("tcp", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class PathBeneath(ctypes.Structure):
    """``struct landlock_path_beneath_attr``, which is packed."""

    _pack_ = 1
    _fields_ = (("rights", ctypes.c_uint64), ("fd", ctypes.c_int32))


class FilterProgram(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


class Kernel:
    """The few system calls that the standard library lacks. Each failure is an OSError that names the step."""

    def __init__(self) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)

    def syscall(self, what: str, number: int, *args: object) -> int:
        return self._checked(what, int(self.libc.syscall(ctypes.c_long(number), *args)))

    def prctl(self, what: str, option: int, value: int = 0, pointer: object = None) -> None:
        third = pointer if pointer is not None else ctypes.c_ulong(0)
        self._checked(
            what, int(self.libc.prctl(option, ctypes.c_ulong(value), third, ctypes.c_ulong(0), ctypes.c_ulong(0)))
        )

    def capset(self, header: object, data: object) -> None:
        self._checked("dropping capabilities", int(self.libc.capset(header, data)))

    def _checked(self, what: str, result: int) -> int:
        if result < 0:
            raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
        return result


def main() -> None:
    """Read the order, confine, and become the command. Never returns normally."""
    fd = int(sys.argv[1])
    with open(fd, "rb") as file:
        file.seek(0)
        spec = marshal.load(file)
    kernel = Kernel()
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python changes these at its start, and the command would inherit it
    try:
        if os.getppid() != spec["parent"]:
            raise OSError("the program that asked for it is gone")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if spec["supervise"]:
            supervise(kernel, spec)
        else:
            attend(kernel, spec)
        become(kernel, spec)
    except OSError as error:
        give_up(f"cannot be put up: {error.strerror or error}", FAILED)


def give_up(message: str, status: int) -> None:
    """End without running the command, and say why where its output would have been."""
    os.write(2, f"sandbox: {message}\n".encode())
    os._exit(status)


def supervise(kernel: Kernel, spec: dict[str, Any]) -> None:
    """Fork: the child returns from here to become the command, this process waits for it and cleans up after it."""
    watched = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    kernel.prctl("collecting orphans", PR_SET_CHILD_SUBREAPER, 1)
    kernel.prctl("dying with the parent", PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != spec["parent"]:
        raise OSError("the program that asked for it is gone")
    myself = os.getpid()
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.setsid()  # no terminal to type into, and out of reach of signals to the group
        kernel.prctl("dying with the parent", PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != myself:
            os._exit(FAILED)
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nowhere, stream)  # whoever reads the command's output sees its end, not this process's
    status = None
    while status is None and signal.sigwait(watched) == signal.SIGCHLD:
        status = reap(child)
    end_all()
    leave(status)


def attend(kernel: Kernel, spec: dict[str, Any]) -> None:
    """Fork for bubblewrap: the child returns to become it, this process waits. If it dies, so does bubblewrap, and all in it."""
    kernel.prctl("dying with the parent", PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != spec["parent"]:
        raise OSError("the program that asked for it is gone")
    arrived_fd, error_fd = spec["report"]
    for last in (False, False, False, False, True):
        complaints = os.memfd_create("complaints")
        arrived, arriving = os.pipe()
        myself = os.getpid()
        child = os.fork()
        if child == 0:
            kernel.prctl("dying with the parent", PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != myself:
                os._exit(FAILED)
            os.dup2(arriving, arrived_fd)
            os.dup2(
                2, error_fd
            )  # the command's own; bubblewrap's complaints are kept until it is known that they matter
            os.dup2(complaints, 2)
            return
        os.close(arriving)
        started = os.read(arrived, 1)
        status = os.waitpid(child, 0)[1]
        if started or last:
            os.write(2, os.pread(complaints, 4096, 0) if not started else b"")
            leave(status if started else FAILED << 8)
        os.close(arrived)
        os.close(complaints)


def reap(child: int) -> int | None:
    """Collect everything that has ended. The wait status of ``child`` if it is among it."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == child:
            found = status
        if pid == 0:
            return found


def end_all() -> None:
    """Kill every descendant: what loses its parent becomes this process's own child and is met in the next round."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            for each in children():
                try:
                    os.kill(each, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.001)


def children() -> list[int]:
    """The direct children of this process; from the list of all processes where the kernel keeps no list of children."""
    myself = os.getpid()
    try:
        with open(f"/proc/{myself}/task/{myself}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        pass
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The name in brackets may contain anything, brackets too; the parent is the second field behind it.
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            continue
        if parent == myself:
            found.append(int(name))
    return found


def leave(status: int | None) -> None:
    """End with the command's exit status, or 128 and the signal that ended it, as shells say it. None: stopped from outside."""
    code = os.waitstatus_to_exitcode(status) if status is not None else -signal.SIGTERM
    os._exit(code if code >= 0 else 128 - code)


def become(kernel: Kernel, spec: dict[str, Any]) -> None:
    """Confine this process, last of all its system calls, and replace it by the command."""
    kernel.prctl("no_new_privs", PR_SET_NO_NEW_PRIVS, 1)
    if spec["drop"]:
        drop_capabilities(kernel)
    if any(spec["ruleset"]):
        restrict(kernel, spec["ruleset"], spec["grants"])
    kept = spec["report"] or (2,)
    os.closerange(3, kept[0])
    os.closerange(kept[-1] + 1, os.sysconf("SC_OPEN_MAX"))
    listing, fleeting = spec["fleeting"]
    for fd, data in spec["data"].items():
        hand_over(fd, data + b"".join(words for path, words in fleeting if fd == listing and os.path.lexists(path)))
    os.chdir(spec["cwd"])
    if spec["filter"]:
        code = FilterProgram(len(spec["filter"]) // 8, spec["filter"])
        kernel.prctl("filtering system calls", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(code))
    try:
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
    except OSError as error:
        give_up(f"{spec['argv'][0]}: {error.strerror}", NOT_FOUND)


def drop_capabilities(kernel: Kernel) -> None:
    """Give up every privilege of root but its files. With no_new_privs set, none comes back by running a program."""
    kernel.prctl("clearing ambient capabilities", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):
        try:
            kernel.prctl("bounding capabilities", PR_CAPBSET_DROP, capability)
        except OSError:  # no further one is known, or this user has none to give
            break
    kernel.capset((ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)())


def restrict(kernel: Kernel, ruleset: tuple[int, int, int], grants: list[tuple[str, int]]) -> None:
    """Enter a Landlock domain: what ``ruleset`` handles is refused, but for the grants."""
    attr = RulesetAttr(*ruleset)
    fd = kernel.syscall(
        "landlock ruleset", CREATE_RULESET, ctypes.byref(attr), ctypes.c_size_t(ctypes.sizeof(attr)), ctypes.c_uint(0)
    )
    if ruleset[0]:
        for path, rights in [*grants, (f"/proc/{os.getpid()}", OWN_PROC)]:
            grant(kernel, fd, path, rights)
    kernel.syscall("landlock", RESTRICT_SELF, ctypes.c_int(fd), ctypes.c_uint(0))
    os.close(fd)


def grant(kernel: Kernel, ruleset: int, path: str, rights: int) -> None:
    """Add one rule. What is gone, or became a link since it was looked at, is not granted: no link is followed on the way."""
    how = (ctypes.c_uint64 * 3)(os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS)
    try:
        target = kernel.syscall(
            "open",
            OPENAT2,
            ctypes.c_int(-100),
            os.fsencode(path),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
    except OSError:
        return
    allowed = rights if stat.S_ISDIR(os.fstat(target).st_mode) else rights & FILE_RIGHTS
    if allowed:
        rule, kind = PathBeneath(allowed, target), ctypes.c_int(RULE_PATH_BENEATH)
        what = f"landlock rule for {path}"
        kernel.syscall(what, ADD_RULE, ctypes.c_int(ruleset), kind, ctypes.byref(rule), ctypes.c_uint(0))
    os.close(target)


def hand_over(fd: int, data: bytes) -> None:
    """Put ``data`` where the next program expects to read it."""
    memory = os.memfd_create("sandbox", 0)
    with open(os.dup(memory), "wb") as file:
        file.write(data)
    os.lseek(memory, 0, os.SEEK_SET)
    if memory != fd:
        os.dup2(memory, fd)
        os.close(memory)
    os.set_inheritable(fd, True)


if __name__ == "__main__":
    main()
