"""Which path gets which access: the policy, git's own files and the machine's control sockets as one list, deepest last.

Every backend reads this list in its own way; none of them decides anything about paths again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .gitfiles import git_files
from .policy import Mode, Policy, SandboxPolicyError
from .sockets import socket_paths

PRIVATE = (Path("/tmp"), Path("/var/tmp"))
"""Shared by all users and full of sockets: the command gets its scratch folder in their place."""
RUNTIME = (Path("/run"), Path("/var/run"))
"""Where daemons listen (containers, message buses, agents). Reaching one is reaching out of the sandbox."""
RUNTIME_KEPT = ("/run/current-system", "/run/booted-system", "/run/opengl-driver", "/run/opengl-driver-32")
"""Below it, what is no socket: the system's programs and drivers on NixOS."""
HOST_SECRETS = (
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssl/private",
)
"""Readable where the agent runs as root, and never a command's business."""
KERNEL = ("/proc", "/sys", "/dev")
TOO_WIDE = frozenset(
    (
        "/",
        "/bin",
        "/boot",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/run",
        "/sbin",
        "/usr",
        "/var",
        "/Users",
        "/System",
        "/Library",
    )
)


class Access(Enum):
    """What a place may be used for."""

    READ = "read"
    WRITE = "write"
    PROTECT = "protect"
    """Readable inside a writable folder, and not writable."""
    PRIVATE = "private"
    """The scratch folder stands here."""
    HIDE = "hide"


@dataclass(frozen=True, slots=True)
class Place:
    """A resolved path and its access. ``folder`` tells what is there; ``exists`` is false for git's files yet to be made;
    a ``fleeting`` one is another program's socket, which may be gone before the command starts."""

    path: Path
    access: Access
    folder: bool = True
    exists: bool = True
    fleeting: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole of it. ``places`` are sorted so that a deeper path comes later; ``unguarded`` are paths that no mount can cover."""

    workspace: Path
    scratch: Path
    cwd: Path
    places: tuple[Place, ...]
    unguarded: tuple[Path, ...]

    def access(self, path: Path) -> Access:
        """What the deepest place at or above ``path`` says."""
        found = Access.READ
        for place in self.places:
            if path == place.path or below(path, place.path):
                found = place.access
        return found


def below(path: Path, folder: Path) -> bool:
    """Whether ``path`` lies in ``folder``, both resolved. By text: this is asked thousands of times for one command."""
    text = str(folder)
    return str(path).startswith(text if text == "/" else f"{text}/")


def lay_out(policy: Policy, cwd: Path, env: Mapping[str, str]) -> Layout:
    """Resolve everything that the policy names and order it.

    Raises:
        SandboxPolicyError: a folder is missing, open to others, both hidden and writable, or one that no command may write whole.
    """
    workspace = _writable_root(policy.workspace, "the workspace")
    scratch = _writable_root(policy.scratch, "the scratch folder")
    _check_scratch(scratch)
    writable = [workspace, scratch, *(_writable_root(path, "a writable path") for path in policy.writable)]
    found: dict[Path, Place] = {}

    def put(path: Path, access: Access) -> None:
        try:
            info = path.lstat()
        except OSError:
            return
        alien = stat.S_ISSOCK(info.st_mode) and not any(below(path, root) for root in writable)
        found[path] = Place(path, access, stat.S_ISDIR(info.st_mode), fleeting=alien)

    for shared in PRIVATE:
        put(shared.resolve(), Access.PRIVATE)
    for runtime in RUNTIME:
        put(runtime.resolve(), Access.HIDE)
    for kept in _kept_in_runtime(policy.mode):
        put(kept, Access.READ)
    for path in writable:
        put(path, Access.WRITE)
    git = git_files([path for path in writable if path.is_dir()])
    unguarded = list(git.absent)
    for path in git.pinned:
        found.setdefault(path, Place(path, Access.WRITE))
    for path, folder in git.guarded:
        found[path] = Place(path, Access.PROTECT, folder, path.exists())
    for path in policy.protected:
        if path.is_symlink() or not path.exists():
            unguarded.append(path)  # a link, or the name itself, could be replaced in a writable folder
        if path.exists():
            put(path.resolve(), Access.PROTECT)
    for path in (*map(Path, HOST_SECRETS), *socket_paths(env, writable)):
        if (real := Path(os.path.realpath(path))) not in writable:
            put(real, Access.HIDE)
    for path in policy.hidden:
        real = Path(os.path.realpath(path))
        if real in writable:
            raise SandboxPolicyError(f"{path} is to be hidden and to be written", "Take it out of one of the two lists")
        put(real, Access.HIDE)
        if not real.exists():
            unguarded.append(real)
    places = tuple(sorted(found.values(), key=lambda place: (len(place.path.parts), place.path)))
    layout = Layout(workspace, scratch, Path(os.path.realpath(cwd)), places, ())
    layout = Layout(workspace, scratch, layout.cwd, tuple(_needed(layout)), _only_writable(layout, unguarded))
    there = layout.access(layout.cwd)
    private = there is Access.PRIVATE and all(layout.cwd != place.path for place in places)
    if not layout.cwd.is_dir() or there is Access.HIDE or private:
        raise SandboxPolicyError(f"the working folder {cwd} does not exist or is hidden", "Choose another one")
    return layout


def _writable_root(path: Path, what: str) -> Path:
    real = Path(os.path.realpath(path))
    if not real.exists():
        raise SandboxPolicyError(f"{what} {path} does not exist", "Make it first")
    kernel = any(real == Path(k) or below(real, Path(k)) for k in KERNEL)
    if kernel or str(real) in TOO_WIDE:
        raise SandboxPolicyError(f"{what} {path} is too wide to be written by a command", "Choose a folder of your own")
    return real


def _check_scratch(scratch: Path) -> None:
    info = scratch.stat()
    if not stat.S_ISDIR(info.st_mode) or info.st_mode & 0o077 or info.st_uid != os.geteuid():
        raise SandboxPolicyError(
            f"the scratch folder {scratch} is open to others or not one's own", "It must be a folder of mode 0700"
        )


def _kept_in_runtime(mode: Mode) -> Iterator[Path]:
    yield from (Path(p) for p in RUNTIME_KEPT)
    resolver = Path(os.path.realpath("/etc/resolv.conf"))
    if mode is not Mode.STRICT and below(resolver, Path("/run")) and resolver.is_file():
        yield resolver  # names are looked up with this; the resolver's socket beside it stays hidden


def _needed(layout: Layout) -> Iterator[Place]:
    """Leave out what already follows from a place above it."""
    for place in layout.places:
        above = layout.access(place.path.parent) if place.path.parent != place.path else Access.READ
        if above is Access.HIDE and place.access is Access.HIDE:
            continue
        if place.access is Access.PROTECT and above is not Access.WRITE:
            continue
        yield place


def _only_writable(layout: Layout, paths: Sequence[Path]) -> tuple[Path, ...]:
    """Of what cannot be covered, the part that the command could write: elsewhere nothing can come to be."""
    return tuple(dict.fromkeys(p for p in paths if layout.access(p.parent) is Access.WRITE))
