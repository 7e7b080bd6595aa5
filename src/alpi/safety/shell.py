"""Between the gate and the shell classifier: what it may know of this profile, and its assessment as a verdict."""

from __future__ import annotations

import os
from pathlib import Path

from .actions import Verdict
from .paths import Access, PathGuard
from .risk import Guard, Protection, RealFiles, Scene, assess
from .tiers import Tier

MOST_REASONS = 4


class ShellJudge:
    """Judges shell commands for one profile and workspace."""

    def __init__(self, guard: PathGuard) -> None:
        self._guard = guard

    def __call__(self, command: str, folder: Path) -> Verdict:
        """The verdict on a command that would run in ``folder``."""
        found = assess(command, self.scene(folder))
        reason = "; ".join(found.reasons[:MOST_REASONS]) or "an ordinary command"
        if found.scope is None:
            return Verdict(found.tier, reason)
        return Verdict(found.tier, reason, f"run {found.scope.key}", found.scope.description)

    def scene(self, folder: Path) -> Scene:
        """What the classifier may know."""
        guard = self._guard
        return Scene(
            cwd=Path(os.path.realpath(folder)),
            workspace=guard.workspace,
            home=guard.home,
            profile_home=guard.profile_home,
            alpi_root=guard.alpi_root,
            files=RealFiles(),
            protected=protection_of(guard),
            daemon_pids=frozenset({os.getpid()}),
        )


def protection_of(guard: PathGuard) -> Guard:
    """The path guard as the classifier asks it: its word on special places; an ordinary one is for the classifier to judge."""

    def protected(path: Path, access: Access) -> Protection | None:
        verdict = guard.protection(path, access)
        return (
            Protection(verdict.tier, verdict.reason) if verdict is not None and verdict.tier is not Tier.SAFE else None
        )

    return protected
