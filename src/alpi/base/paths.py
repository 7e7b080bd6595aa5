"""Where a profile lives and what its files are called."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import NotConfigured, UsageError
from .files import private_dir

PROFILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class ProfilePaths:
    """The files of one profile. ``root`` holds the default profile and, under ``profiles/``, the named ones."""

    name: str
    root: Path
    home: Path
    cache: Path

    @property
    def config(self) -> Path:
        return self.home / "config.yaml"

    @property
    def env(self) -> Path:
        return self.home / ".env"

    @property
    def memory(self) -> Path:
        return self.home / "memory"

    @property
    def sessions(self) -> Path:
        return self.home / "sessions"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def undo(self) -> Path:
        return self.home / "undo"

    @property
    def approvals(self) -> Path:
        return self.home / "approvals.json"

    @property
    def ledger(self) -> Path:
        return self.home / "ledger.jsonl"

    @property
    def inputs(self) -> Path:
        """What was typed into the chat, for the arrow keys."""
        return self.home / "input.jsonl"

    @property
    def index(self) -> Path:
        """What makes searching sessions fast; can be removed at any time."""
        return self.home / "index"

    @property
    def alp(self) -> Path:
        """Identity, peers and socket of the link protocol."""
        return self.home / "alp"

    @property
    def peers(self) -> Path:
        """The machines that this profile is linked to."""
        return self.alp / "peers.yaml"

    @property
    def run(self) -> Path:
        """Locks and sockets of running processes, and whole tool outputs; nothing in it outlives its use."""
        return self.home / "run"

    def make(self) -> None:
        """Make the profile's folder (0700) if it is missing."""
        private_dir(self.home)


def profile_paths(name: str | None, environ: Mapping[str, str], must_exist: bool = True) -> ProfilePaths:
    """Find the profile: ``name`` (from ``-p``), else ``ALPI_PROFILE``, else the default one, under ``ALPI_HOME`` or ``~/.alpi``.

    Raises:
        UsageError: a name that no profile can have, or a relative ``ALPI_HOME``.
        NotConfigured: a named profile that does not exist, when it must.
    """
    home = environ.get("ALPI_HOME", "")
    try:
        root = Path(home).expanduser() if home else Path.home() / ".alpi"
    except RuntimeError:  # ~name of somebody whom this machine does not know
        root = Path(home)
    if not root.is_absolute():
        raise UsageError(f"ALPI_HOME must be an absolute path, not {home!r}", "For example: ALPI_HOME=$HOME/.alpi")
    name = name or environ.get("ALPI_PROFILE") or DEFAULT
    if not PROFILE_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a profile's name",
            "Use small letters, digits, - and _, at most 32, starting with a letter or digit",
        )
    folder = root if name == DEFAULT else root / "profiles" / name
    if must_exist and name != DEFAULT and not folder.is_dir():
        raise _no_profile(name, root)
    return ProfilePaths(name, root, folder, cache_dir(environ))


def _no_profile(name: str, root: Path) -> NotConfigured:
    import difflib

    known = profile_names(root)
    close = difflib.get_close_matches(name, known, 1)
    meant = f"Did you mean {close[0]}? To make" if close else "To make"
    return NotConfigured(
        f"there is no profile {name!r} in {root} (there is: {', '.join(known)})",
        f"{meant} a new one: alpi profile create {name}",
    )


def profile_names(root: Path) -> list[str]:
    """The profiles under ``root``, the default one first."""
    folder = root / "profiles"
    named = (
        sorted(p.name for p in folder.iterdir() if p.is_dir() and PROFILE_NAME.fullmatch(p.name))
        if folder.is_dir()
        else []
    )
    return [DEFAULT, *named]


def cache_dir(environ: Mapping[str, str]) -> Path:
    """What can be made again (model weights, prompt states): ``$XDG_CACHE_HOME/alpi`` or ``~/.cache/alpi``."""
    base = environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "alpi"
