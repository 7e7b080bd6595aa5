"""What the gate keeps beyond a session, over the profile's files: approvals for good, the audit log, old contents for undo.

The log and the old contents are opened with the first call that is judged or changes something; most conversations only read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.clock import Clock
from ..base.errors import StorageError
from ..base.paths import ProfilePaths
from ..state.approvals import ApprovalStore

if TYPE_CHECKING:
    from ..safety.gate import Ruling
    from ..state.audit import AuditLog
    from ..state.undo import UndoStore


class ProfileRecords:
    """Approvals and the audit log of a profile, for one session. Implements ``safety.gate.Records``."""

    def __init__(self, paths: ProfilePaths, clock: Clock, redact: Callable[[str], str], session: str) -> None:
        self.approvals = ApprovalStore(paths.approvals, clock, redact)
        self.session = session
        self._logs = paths.logs
        self._clock = clock
        self._redact = redact

    @cached_property
    def audit(self) -> AuditLog:
        from ..state.audit import AuditLog

        return AuditLog(self._logs, self._clock, self._redact)

    def is_approved(self, scope: str) -> bool:
        """See ``Records``."""
        return self.approvals.has(scope)

    def approve(self, scope: str, text: str, tool: str, surface: str) -> None:
        """See ``Records``."""
        self.approvals.add(scope, text, tool=tool, session=self.session, surface=surface)

    def record(self, ruling: Ruling) -> None:
        """See ``Records``."""
        from ..state.audit import AuditEntry

        self.audit.record(
            AuditEntry(
                session=self.session,
                surface=ruling.surface,
                asker="nobody" if ruling.decision == "refused: nobody is watching" else "person",
                tool=ruling.tool,
                what=ruling.what,
                tier=ruling.tier.label,
                decision=ruling.decision,
                scope=ruling.scope,
                reason=ruling.reason,
            )
        )


class SessionUndo:
    """Old contents of files that one session changes. Implements ``safety.gate.Undo``."""

    def __init__(self, folder: Path, clock: Clock, session: str) -> None:
        self.session = session
        self._folder = folder
        self._clock = clock

    @cached_property
    def store(self) -> UndoStore:
        from ..state.undo import UndoStore

        return UndoStore(self._folder, self._clock)

    def too_large(self, size: int) -> str:
        """See ``Undo``."""
        return self.store.too_large(size)

    def keep(
        self, turn: str, tool: str, path: Path, before: bytes | None, mode: int, after: bytes
    ) -> Callable[[], None]:
        """See ``Undo``. A file that is too large was asked about beforehand, so it is changed without being kept."""
        from ..state.kept import content_hash

        digest = content_hash(after)
        kept = self.store.keep(turn, self.session, path, before, mode, tool, digest)
        if not isinstance(kept, str):
            return lambda: self.store.done(kept, digest)
        if self.too_large(len(before or b"")):
            return lambda: None
        raise StorageError(
            f"{path} is not changed, because it could not be taken back: {kept}", "Go on in another turn"
        )
