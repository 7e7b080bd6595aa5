"""What the gate keeps beyond a session, over the profile's files: approvals for good, the audit log, old contents for undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import StorageError
from ..safety.gate import Ruling
from ..state.approvals import ApprovalStore
from ..state.audit import AuditEntry, AuditLog
from ..state.kept import content_hash
from ..state.undo import UndoStore


@dataclass(frozen=True)
class ProfileRecords:
    """Approvals and the audit log of a profile, for one session. Implements ``safety.gate.Records``."""

    approvals: ApprovalStore
    audit: AuditLog
    session: str

    def is_approved(self, scope: str) -> bool:
        """See ``Records``."""
        return self.approvals.has(scope)

    def approve(self, scope: str, text: str, tool: str, surface: str) -> None:
        """See ``Records``."""
        self.approvals.add(scope, text, tool=tool, session=self.session, surface=surface)

    def record(self, ruling: Ruling) -> None:
        """See ``Records``."""
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


@dataclass(frozen=True)
class SessionUndo:
    """Old contents of files that one session changes. Implements ``safety.gate.Undo``."""

    store: UndoStore
    session: str

    def too_large(self, size: int) -> str:
        """See ``Undo``."""
        return self.store.too_large(size)

    def keep(
        self, turn: str, tool: str, path: Path, before: bytes | None, mode: int, after: bytes
    ) -> Callable[[], None]:
        """See ``Undo``. A file that is too large was asked about beforehand, so it is changed without being kept."""
        digest = content_hash(after)
        kept = self.store.keep(turn, self.session, path, before, mode, tool, digest)
        if not isinstance(kept, str):
            return lambda: self.store.done(kept, digest)
        if self.too_large(len(before or b"")):
            return lambda: None
        raise StorageError(
            f"{path} is not changed, because it could not be taken back: {kept}", "Go on in another turn"
        )
