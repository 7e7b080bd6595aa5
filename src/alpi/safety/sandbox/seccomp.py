"""The system call filter, as a small classic BPF program made here: what ordinary commands never need is refused.

The list follows from what has led out of sandboxes before: other processes' memory, new namespaces and mounts, kernel keyrings, file
handles that skip path checks, interfaces with a long record of kernel bugs, and typing into the terminal that the command shares.
Numbers and layouts are those of linux/seccomp.h, linux/audit.h, asm/unistd_64.h and asm-generic/unistd.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_TYPE_MASK, SOCK_DGRAM = 0xF, 2
EPERM, EACCES, ENOSYS, EAFNOSUPPORT = 1, 13, 38, 97

ALLOW = 0x7FFF0000
KILL = 0x80000000
_ERRNO = 0x00050000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000

CLONE_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (linux/sched.h)."""
TERMINAL_REQUESTS = (0x5412, 0x541C, 0x541D, 0x5423)
"""TIOCSTI and TIOCLINUX type into the terminal, TIOCCONS takes the console, TIOCSETD loads line disciplines (asm-generic/ioctls.h)."""
SETUID_BIT = 0o4000


@dataclass(frozen=True, slots=True)
class Arch:
    """One processor: its audit number, whether it has the x32 calling convention, and the numbers of its calls by name."""

    audit: int
    has_x32: bool
    numbers: MappingProxyType[str, int]


# name: (x86_64, aarch64); -1 where the call does not exist there.
REFUSED = MappingProxyType(
    {
        "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
        "kcmp": (312, 272), "pidfd_getfd": (438, 438), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
        "finit_module": (313, 273), "delete_module": (176, 106), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
        "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
        "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "open_tree_attr": (467, 467), "unshare": (272, 97),
        "setns": (308, 268), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280),
        "perf_event_open": (298, 241), "userfaultfd": (323, 282), "open_by_handle_at": (304, 265), "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142),
        "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "iopl": (172, -1), "ioperm": (173, -1),
        "modify_ldt": (154, -1), "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112), "sethostname": (170, 161),
        "setdomainname": (171, 162), "vhangup": (153, 58), "fanotify_init": (300, 262), "lookup_dcookie": (212, 18),
        "nfsservctl": (180, 42), "uselib": (134, -1), "ustat": (136, -1), "sysfs": (139, -1), "_sysctl": (156, -1),
    }
)  # fmt: skip
JUDGED = MappingProxyType(
    {
        "clone": (56, 220), "clone3": (435, 435), "ioctl": (16, 29), "socket": (41, 198), "socketpair": (53, 199), "chmod": (90, -1),
        "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    }
)  # fmt: skip
"""Calls that are refused by their arguments."""
_COLUMN = MappingProxyType({"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)})


def arch(machine: str) -> Arch | None:
    """The processor by its ``uname -m`` name, or None where no filter is known for it."""
    known = _COLUMN.get({"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine))
    if known is None:
        return None
    column, audit = known
    numbers = {name: row[column] for name, row in (*REFUSED.items(), *JUDGED.items()) if row[column] >= 0}
    return Arch(audit, column == 0, MappingProxyType(numbers))


def program(cpu: Arch, families: Iterable[int], datagram_pairs: bool) -> bytes:
    """The filter as the kernel takes it: 8 bytes per instruction.

    Args:
        families: the address families that ``socket`` may open; all others are refused.
        datagram_pairs: whether ``socketpair`` may make unix datagram sockets. Such a socket can still be pointed at another one by
            its path, so it is refused where unix sockets are.
    """
    code = [_op(_LOAD, _ARCH), _op(_JUMP_EQUAL, cpu.audit, 1, 0), _return(KILL), _op(_LOAD, _NUMBER)]
    if cpu.has_x32:
        # The same kernel entry under other numbers: without this, every rule below could be stepped around.
        code += [_op(_JUMP_AT_LEAST, _X32, 0, 1), _return(_ERRNO | ENOSYS)]
    for name in REFUSED:
        if name in cpu.numbers:
            code += _when(cpu.numbers[name], [_return(_ERRNO | EPERM)])
    for name, body in _judged(families, datagram_pairs):
        if name in cpu.numbers:
            code += _when(cpu.numbers[name], body)
    return b"".join([*code, _return(ALLOW)])


def _judged(families: Iterable[int], datagram_pairs: bool) -> Iterable[tuple[str, list[bytes]]]:
    deny, fine = _return(_ERRNO | EPERM), _return(ALLOW)
    yield "clone", [_argument(0), _op(_JUMP_ANY_BIT, CLONE_NAMESPACES, 0, 1), deny, fine]
    # Its flags lie in memory, out of the filter's sight. C libraries fall back to clone on this answer.
    yield "clone3", [_return(_ERRNO | ENOSYS)]
    # Only the low half is compared: the kernel cuts the request to 32 bits, so a high bit must not make it another number.
    yield (
        "ioctl",
        [_argument(1), *(op for request in TERMINAL_REQUESTS for op in (_op(_JUMP_EQUAL, request, 0, 1), deny)), fine],
    )
    allowed = [op for family in families for op in (_op(_JUMP_EQUAL, family, 0, 1), fine)]
    usual = [
        op
        for family in (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK)
        for op in (_op(_JUMP_EQUAL, family, 0, 1), _return(_ERRNO | EACCES))
    ]
    yield "socket", [_argument(0), *allowed, *usual, _return(_ERRNO | EAFNOSUPPORT)]
    if not datagram_pairs:
        yield (
            "socketpair",
            [
                _argument(1),
                _op(_AND, SOCK_TYPE_MASK),
                _op(_JUMP_EQUAL, SOCK_DGRAM, 0, 1),
                _return(_ERRNO | EACCES),
                fine,
            ],
        )
    for name, position in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)):
        yield name, [_argument(position), _op(_JUMP_ANY_BIT, SETUID_BIT, 0, 1), deny, fine]


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """``body`` ends in a return on every path, so the number that was loaded first is still there for the next rule."""
    return [_op(_JUMP_EQUAL, number, 0, len(body)), *body]


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _return(verdict: int) -> bytes:
    return _op(_RETURN, verdict)


def _argument(index: int) -> bytes:
    """The low 32 bits of an argument, on the little-endian processors that are known here."""
    return _op(_LOAD, _ARGUMENTS + 8 * index)
