"""Landlock's side of a layout: the rights to grant, path by path, since Landlock knows no exception below a granted folder.

A folder that contains something hidden is therefore not granted itself; all that lies beside the hidden path is. Numbers are those of
linux/landlock.h; which ABI brought what is told in the kernel's userspace-api/landlock.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from .layout import Access, Layout, Place, below

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (
    1 << bit for bit in range(4, 13)
)
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
BIND_TCP, CONNECT_TCP = 1, 2
SCOPE_ABSTRACT_UNIX, SCOPE_SIGNAL = 1, 2

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = (
    READ
    | WRITE_FILE
    | REMOVE_DIR
    | REMOVE_FILE
    | MAKE_DIR
    | MAKE_REG
    | MAKE_SOCK
    | MAKE_FIFO
    | MAKE_SYM
    | REFER
    | TRUNCATE
)
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEV

ABI_WRITE, ABI_NETWORK, ABI_IOCTL, ABI_SCOPE = 3, 4, 5, 6
"""The first ABI with: complete control of writing (truncation), TCP, device requests, signals and abstract sockets."""
_CREATE_RULESET = 444
_VERSION = 1

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
PROC = (
    "cpuinfo", "meminfo", "stat", "version", "uptime", "loadavg", "filesystems", "devices", "sys", "cmdline", "vmstat", "swaps",
    "crypto", "config.gz",
)  # fmt: skip
"""What is about the machine and not about a process."""


def abi() -> int:
    """The Landlock version of the running kernel, 0 where it has none or it is switched off."""
    try:
        return max(0, int(ctypes.CDLL(None, use_errno=True).syscall(_CREATE_RULESET, None, 0, _VERSION)))
    except (OSError, AttributeError):
        return 0


def handled(version: int) -> tuple[int, int, int]:
    """The rights that a ruleset of this ABI takes away unless granted: for files, for TCP, and the scopes."""
    files = WRITE | MAKE_CHAR | MAKE_BLOCK | (IOCTL_DEV if version >= ABI_IOCTL else 0)
    return files, BIND_TCP | CONNECT_TCP if version >= ABI_NETWORK else 0, scopes(version)


def scopes(version: int) -> int:
    """Abstract sockets and signals stay among the processes of the sandbox."""
    return SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL if version >= ABI_SCOPE else 0


def grants(layout: Layout, version: int) -> list[tuple[str, int]]:
    """Path and rights, for the helper to add as rules. Paths of links are not in it: a rule would follow them."""
    mask = handled(version)[0]
    found = list(_below(Path("/"), Access.READ, [place for place in layout.places if _matters(place)]))
    found += [(f"/dev/{name}", DEVICE) for name in DEVICES]
    found += [(f"/proc/{name}", READ) for name in PROC]
    return [(path, rights & mask) for path, rights in found]


def _below(path: Path, access: Access, places: list[Place]) -> Iterator[tuple[str, int]]:
    """The grants for ``path``, which has ``access``, and everything in it; ``places`` are the exceptions, in it or not."""
    inner = [place for place in places if below(place.path, path)]
    if path in (Path("/proc"), Path("/dev")):
        return
    if access in (Access.HIDE, Access.PRIVATE):
        yield from (grant for place in _topmost(inner) for grant in _below(place.path, place.access, inner))
        return
    if _has_another_name(path):
        return
    rights = WRITE if access is Access.WRITE else READ
    if path != Path("/") and not any(place.access in (Access.HIDE, Access.PRIVATE) for place in inner):
        yield str(path), rights
        yield from ((str(p.path), WRITE) for p in inner if p.access is Access.WRITE and access is not Access.WRITE)
        return
    here = {place.path: place.access for place in inner}
    try:
        entries = [Path(entry.path) for entry in os.scandir(path) if not entry.is_symlink()]
    except OSError:  # not to be listed by this user: only what is named in it can be granted
        entries = [place.path for place in _topmost(inner)]
    for entry in entries:
        yield from _below(entry, here.get(entry, access), inner)


def _matters(place: Place) -> bool:
    """Exceptions that Landlock cannot make are left out, and so are covered sockets: no unix socket can be opened at all."""
    return place.access is not Access.PROTECT and not (place.access is Access.HIDE and place.path.is_socket())


def _has_another_name(path: Path) -> bool:
    """A rule on a file holds for all of its names. One that is granted here could be the hidden file's second one."""
    try:
        info = path.lstat()
    except OSError:
        return True
    return stat.S_ISREG(info.st_mode) and info.st_nlink > 1


def _topmost(places: list[Place]) -> list[Place]:
    return [p for p in places if not any(below(p.path, q.path) for q in places)]
