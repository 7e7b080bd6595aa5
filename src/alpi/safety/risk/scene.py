"""What the judge may know about the machine, and the answers it gives: plain values and two protocols, no behaviour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from alpi.safety.tiers import Tier

from .scope import Scope

Access = Literal["read", "write"]


class Protection(NamedTuple):
    """The path guard's word on one resolved path."""

    tier: Tier
    reason: str


Guard = Callable[[Path, Access], Protection | None]
"""Asked with a resolved absolute path; ``None`` means that the path is nothing special."""


class FileView(Protocol):
    """The few questions about the disk which a verdict may depend on. None of them changes anything."""

    def resolve(self, path: Path) -> Path:
        """The path with every link followed; what does not exist yet is kept as written."""

    def glob(self, pattern: str, limit: int) -> list[Path]:
        """At most ``limit`` paths that match an absolute shell pattern; hidden names only if the pattern names the dot."""

    def is_dir(self, path: Path) -> bool:
        """Whether a folder stands there now."""

    def exists(self, path: Path) -> bool:
        """Whether anything stands there now, a dangling link included."""

    def read_head(self, path: Path, size: int) -> bytes | None:
        """The first ``size`` bytes of a regular file, or ``None`` if it is none or cannot be read."""


@dataclass(frozen=True)
class Scene:
    """Where a command would run. Every path is absolute."""

    cwd: Path
    workspace: Path
    home: Path
    profile_home: Path
    """The home of the profile that asks: configuration, keys, memory, approvals, logs."""
    alpi_root: Path
    """The folder that holds every profile."""
    files: FileView
    protected: Guard
    daemon_pids: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Part:
    """One simple command, as it would be run, with its own verdict."""

    command: str
    tier: Tier
    reason: str


@dataclass(frozen=True)
class Assessment:
    """The verdict on a whole command. The tier is the worst of the parts and of what was found about the whole."""

    tier: Tier
    reasons: tuple[str, ...]
    parts: tuple[Part, ...]
    scope: Scope | None
    """What a yes "for this session" or "always" would cover; ``None`` where every run must be asked for."""
