"""Bubblewrap's options for a layout: the real file system read-only, then what may be written, then what is covered."""

from __future__ import annotations

import os
from pathlib import Path

from .layout import Access, Layout, Place, below
from .policy import Mode

PROGRAMS = ("/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap", "/run/current-system/sw/bin/bwrap")
"""Only where the system installs it: one that is found on PATH may lie in the workspace."""


def options(layout: Layout, mode: Mode, seccomp_fd: int) -> list[str]:
    """Everything between the program's name and the command. The order matters: later mounts lie on earlier ones."""
    args = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if mode is Mode.STRICT:
        args.append("--unshare-net")
    args += ["--new-session", "--die-with-parent", "--cap-drop", "ALL"]
    args += ["--seccomp", str(seccomp_fd)]
    args += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    covered = []
    for place in layout.places:
        if place.fleeting or _gone(place, layout):
            continue
        args += _mount(place, str(layout.scratch))
        if place.folder and (place.access is Access.HIDE or (place.access is Access.PROTECT and not place.exists)):
            covered.append(str(place.path))
    # Last, because a folder that is to be seen inside of a covered one needs a place to be mounted on.
    # All of /proc too: root without capabilities still owns /proc/sys, and a line written there runs a program outside.
    args += [word for path in (*covered, "/proc") for word in ("--remount-ro", path)]
    return [*args, "--chdir", str(layout.cwd)]


def _gone(place: Place, layout: Layout) -> bool:
    """Hidden below a folder that the scratch folder replaces: it is not there at all."""
    return place.access is Access.HIDE and layout.access(place.path.parent) is Access.PRIVATE


def fleeting(layout: Layout) -> list[tuple[bytes, bytes]]:
    """Path and options of what is covered only if it is still there at the very last: bubblewrap would fail on a missing one."""
    return [
        (os.fsencode(place.path), b"".join(os.fsencode(word) + b"\0" for word in _mount(place, str(layout.scratch))))
        for place in layout.places
        if place.fleeting and not _gone(place, layout)
    ]


def expected_mounts(layout: Layout) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """What ``arrive`` compares: mounts on paths that an earlier command of this workspace could have swapped meanwhile."""
    same, covered = [], []
    for place in layout.places:
        above = [p.path for p in layout.places if p.access is Access.WRITE and below(place.path, p.path)]
        if not above:
            continue
        if place.access is Access.HIDE or not place.exists:
            covered.append(os.fsencode(place.path))
        elif place.access in (Access.WRITE, Access.PROTECT) and _same_device(place.path, above[-1]):
            same.append((os.fsencode(place.path), os.fsencode(above[-1])))
    return same, covered


def _same_device(path: Path, above: Path) -> bool:
    """Whether a folder is part of the one above it, and not a file system of its own that was mounted there before."""
    try:
        return path.lstat().st_dev == above.lstat().st_dev
    except OSError:
        return True


def _mount(place: Place, scratch: str) -> list[str]:
    path = str(place.path)
    match place.access:
        case Access.WRITE:
            return ["--bind", path, path]
        case Access.PRIVATE:
            return ["--bind", scratch, path]
        case Access.HIDE:
            # The null device under a mount that allows no devices: there, and not to be opened.
            return ["--tmpfs", path] if place.folder else ["--ro-bind", "/dev/null", path]
        case Access.PROTECT if not place.exists:
            return ["--tmpfs", path]
        case _:
            return ["--ro-bind", path, path]
