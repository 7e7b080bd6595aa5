"""The path guard: which files may be read and written, judged on what a path really is after links.

Pure but for resolving links: places.py is the data, and ``PathGuard.judge`` looks a resolved path up in it.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from .actions import Verdict
from .places import (
    AUTOSTART,
    CREDENTIALS,
    HARMLESS_DEVICES,
    NOT_SECRET,
    OWN_READABLE,
    PROC_SECRETS,
    RUNS_BY_ITSELF,
    SECRET_NAMES,
    SYSTEM,
    SYSTEM_SECRETS,
)
from .tiers import Tier

Access = Literal["read", "write"]

# In the names of kept outputs: what a tool gave was written by others.
OUTSIDE = "-outside"


class _Prefixes:
    """Folders and files, each standing for itself and all below it. Looking a path up costs one step for each of its parts."""

    def __init__(self, paths: Iterable[Path], fold: bool) -> None:
        self._fold = fold
        self._known: set[tuple[str, ...]] = set()
        for path in paths:
            # A protected place may itself be a link: both its own name and what it leads to are protected.
            self._known |= {self._parts(path), self._parts(Path(os.path.realpath(path)))}

    def __contains__(self, real: Path) -> bool:
        parts = self._parts(real)
        return any(parts[:end] in self._known for end in range(1, len(parts) + 1))

    def _parts(self, path: Path) -> tuple[str, ...]:
        return tuple(part.casefold() for part in path.parts) if self._fold else path.parts


class PathGuard:
    """Judges paths for one profile and workspace.

    Args:
        workspace, home, profile_home, alpi_root: absolute folders; links in them are resolved here.
        fold_case: compare names without case (a disk that ignores case; where in doubt it only refuses more).
        extra_protected: further places that are neither read nor written.
    """

    def __init__(
        self,
        workspace: Path,
        home: Path,
        profile_home: Path,
        alpi_root: Path,
        fold_case: bool = False,
        extra_protected: Iterable[Path] = (),
    ) -> None:
        self.workspace = Path(os.path.realpath(workspace))
        self.home = home
        self.profile_home = profile_home
        self.alpi_root = alpi_root

        def prefixes(paths: Iterable[Path]) -> _Prefixes:
            return _Prefixes(paths, fold_case)

        homes = {home, Path(os.path.realpath(home))}
        self._workspace = prefixes([workspace])
        self._own = prefixes([alpi_root, profile_home])
        self._own_readable = prefixes(profile_home / name for name in OWN_READABLE)
        self._own_sessions = Path(os.path.realpath(profile_home / "sessions"))
        self._credentials = prefixes(root / name for root in homes for name in CREDENTIALS)
        self._autostart = prefixes(root / name for root in homes for name in AUTOSTART)
        self._system = prefixes(map(Path, SYSTEM))
        self._system_secrets = prefixes(map(Path, SYSTEM_SECRETS))
        self._extra = prefixes(extra_protected)

    def judge(self, path: Path, access: Access) -> Verdict:
        """The verdict on reading or writing ``path``, which may not exist yet. Links are resolved first."""
        return self.judge_real(Path(os.path.realpath(path)), access)

    def judge_real(self, real: Path, access: Access) -> Verdict:
        """The same for a path that is already resolved (the one behind an open descriptor)."""
        return self._forbidden(real, access) or (self._reading(real) if access == "read" else self._writing(real))

    def protection(self, real: Path, access: Access) -> Verdict | None:
        """The verdict where a resolved path is a special one; ``None`` where it is only inside or outside the workspace."""
        forbidden = self._forbidden(real, access)
        if forbidden is not None:
            return forbidden
        if access == "read":
            return self._reading(real) if looks_secret(real.name) else None
        return self._writing(real) if real in self._workspace else None

    def others_text(self, real: Path) -> bool:
        """Whether what a file says may be somebody else's: it lies outside the workspace, or is a kept output that says so."""
        if real in self._own:
            return real not in self._own_readable and OUTSIDE in real.name
        return real not in self._workspace

    def protected_files(self) -> list[Path]:
        """Existing files whose content must not be reached under another name (hard links)."""
        candidates = [
            self.profile_home / ".env",
            self.profile_home / "config.yaml",
            self.profile_home / "alp" / "identity.key",
        ]
        candidates += [
            self.alpi_root / ".env",
            *self.alpi_root.glob("profiles/*/.env"),
            *self.alpi_root.glob("profiles/*/alp/identity.key"),
            *self.profile_home.glob("mcp/logins/*.json"),
            *self.alpi_root.glob("mcp/logins/*.json"),
            *self.alpi_root.glob("profiles/*/mcp/logins/*.json"),
        ]
        candidates += [self.home / name for name in CREDENTIALS]
        for folder in (self.home / ".ssh", self.home / ".aws", self.home / ".gnupg"):
            if folder.is_dir():
                candidates += folder.iterdir()
        return [path for path in candidates if path.is_file()]

    def _forbidden(self, real: Path, access: Access) -> Verdict | None:
        reason = self._why_forbidden(real, access)
        return Verdict(Tier.DANGEROUS, f"{self.shown(real)} {reason}") if reason else None

    def _why_forbidden(self, real: Path, access: Access) -> str:
        harmless = str(real) in HARMLESS_DEVICES
        if real in self._own and not (access == "read" and self._may_read_own(real)):
            return "belongs to alpi itself: its settings, keys, sessions and logs are not for tools"
        if real in self._credentials:
            return "is where credentials are kept"
        if real in self._extra:
            return "is protected: it belongs to alpi or to the machine's policy"
        if access == "read":
            secret = real in self._system_secrets or _proc_secret(real)
            return "holds secrets of this machine or of other processes" if secret and not harmless else ""
        if harmless:
            return ""
        if real in self._autostart:
            return "is run or read by other programs at their start"
        if real in self._system and real not in self._workspace:
            return "belongs to the system"
        if any(part.casefold().endswith(".git") for part in real.parts):
            return "is git's own: hooks and settings there run programs"
        return "would be run by Python by itself" if real.suffix == ".pth" else ""

    def _reading(self, real: Path) -> Verdict:
        if looks_secret(real.name):
            return Verdict(
                Tier.CAUTION,
                f"{self.shown(real)} looks like a file of secrets",
                f"read {real}",
                f"reading {self.shown(real)}",
            )
        if real in self._workspace:
            return Verdict(Tier.SAFE, "inside the workspace")
        return Verdict(Tier.SAFE, "an ordinary file outside the workspace")

    def _writing(self, real: Path) -> Verdict:
        shown = self.shown(real)
        if real not in self._workspace:
            folder = self.shown(real.parent)
            reason = f"{shown} is outside the workspace {self.shown(self.workspace)}"
            return Verdict(Tier.CAUTION, reason, f"write {real.parent}/", f"writing files in {folder}")
        below = real.parts[len(self.workspace.parts) :]
        for parts in (Path(name).parts for name in RUNS_BY_ITSELF):
            if any(below[start : start + len(parts)] == parts for start in range(len(below))):
                return Verdict(
                    Tier.CAUTION, f"{shown} is run by other programs by themselves", f"write {real}", f"writing {shown}"
                )
        return Verdict(Tier.SAFE, "inside the workspace")

    def _may_read_own(self, real: Path) -> bool:
        if real in self._own_readable:
            return True
        own = real.parts[: len(self._own_sessions.parts)] == self._own_sessions.parts
        below = real.parts[len(self._own_sessions.parts) :]
        return own and bool(below) and below[0].endswith(".files")

    def shown(self, path: Path) -> str:
        """A path for people: the home folder as ``~``."""
        try:
            return f"~/{path.relative_to(self.home)}" if path != self.home else "~"
        except ValueError:
            return str(path)


def looks_secret(name: str) -> bool:
    """Whether a file's name says that it holds keys or passwords."""
    name = name.lower()
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in NOT_SECRET):
        return False
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in SECRET_NAMES)


def _proc_secret(real: Path) -> bool:
    parts = real.parts
    return len(parts) >= 4 and parts[:2] == ("/", "proc") and parts[3] in PROC_SECRETS
