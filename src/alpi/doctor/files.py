"""The profile's files from outside: who may read them, and what killed processes have left behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from ..base.files import storage_errors
from ..base.locks import FileLock, Locked
from ..state.archive.files import abandoned
from ..state.presence import is_held
from . import Finding, Subject

MOST = 5
"""Paths that one finding names."""
SINGLE = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")
"""What ``base.files.write_atomic`` writes to before it renames."""
OLD = 600.0
"""Seconds. No write of a single file takes as long; a younger one may be another process's that is just at it."""
SECRET = frozenset({".env", "alp", "mcp"})


def check_permissions(subject: Subject) -> list[Finding]:
    """Whether the profile and all in it is its owner's alone."""
    home = subject.paths.home
    if not home.is_dir():
        return [Finding("ok", f"{home} does not exist yet")]
    lax, foreign, count = [], [], 0
    for path, state in _entries(home):
        count += 1
        if state.st_uid != os.geteuid():
            foreign.append(path)
        elif not stat.S_ISLNK(state.st_mode) and state.st_mode & 0o077:
            lax.append(path)
    findings = []
    if foreign:
        hint = f"sudo chown -R $(id -un) {home}"
        findings.append(Finding("failed", f"somebody else owns {_named(foreign)}", hint))
    if lax:
        # Behind a folder that nobody else may enter, a lax file is untidy; a lax folder, or a lax secret, is open.
        is_open = home in lax or any(
            path.relative_to(home).parts[:1] and path.relative_to(home).parts[0] in SECRET for path in lax
        )
        hint = f"chmod -R go= {home}"
        findings.append(Finding("failed" if is_open else "warning", f"others may use {_named(lax)}", hint))
    return findings or [Finding("ok", f"{home} and all in it ({count - 1:,} files and folders) are yours alone")]


def check_leftovers(subject: Subject) -> list[Finding]:
    """Temporary files and folders of processes that have gone. With ``fix`` they are removed."""
    found = leftovers(subject)
    if not found:
        return [Finding("ok", "none")]
    if not subject.fix:
        return [Finding("warning", f"killed processes have left {_named(found)}", "alpi doctor --fix leftovers")]
    for path in found:
        if path.suffix == ".lock":
            with contextlib.suppress(Locked), FileLock(path, wait=0, remove=True):
                pass  # whoever takes it at this moment keeps it
            continue
        with storage_errors(path, "remove"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    return [Finding("ok", f"removed {_named(found)}")]


def leftovers(subject: Subject) -> list[Path]:
    """What is certainly of no use to anybody any more, in the profile and beside it."""
    root, home = subject.paths.root, subject.paths.home
    now = subject.clock.now().timestamp()
    found = [path for path in abandoned(root.parent) if path.name.startswith((".alpi-restore.", f".{root.name}."))]
    for folder in (root, root / "profiles", root / "removed"):
        if folder.is_dir():
            found += abandoned(folder)
    if home.is_dir():
        found += [path for path, state in _entries(home) if _is_left(path, state, subject.paths.sessions, now)]
    return list(dict.fromkeys(found))


def _is_left(path: Path, state: os.stat_result, sessions: Path, now: float) -> bool:
    """Whether a file is what a killed process leaves: half a write, a session's lock, a socket."""
    if stat.S_ISSOCK(state.st_mode):
        return not _is_answered(path)
    if not stat.S_ISREG(state.st_mode):
        return False
    if path.suffix == ".lock":
        return path.parent == sessions and not is_held(path)
    return bool(SINGLE.fullmatch(path.name)) and now - state.st_mtime > OLD


def _is_answered(path: Path) -> bool:
    """Whether a process listens on a socket. One that is there and never answered belongs to nobody."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # busy, or gone since the folder was listed
    return True


def _entries(home: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """A profile's folder and all below it, without the other profiles."""
    yield home, home.lstat()
    for folder, names, files in os.walk(home):
        if Path(folder) == home:
            names[:] = [name for name in names if name not in ("profiles", "removed")]
        for name in [*names, *files]:
            path = Path(folder) / name
            try:
                yield path, path.lstat()
            except FileNotFoundError:
                continue  # gone since the folder was listed


def _named(paths: list[Path]) -> str:
    shown = ", ".join(str(path) for path in paths[:MOST])
    return shown if len(paths) <= MOST else f"{shown} and {len(paths) - MOST} more"
