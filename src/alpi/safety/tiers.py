"""The three tiers of risk, and nothing else: every judge in safety/ speaks in these."""

from __future__ import annotations

from enum import IntEnum


class Tier(IntEnum):
    """How risky an action is. Ordered: the worst part of an action decides, so ``max()`` combines tiers."""

    SAFE = 0
    """Runs without a question."""
    CAUTION = 1
    """Needs a person's yes; refused where nobody is watching."""
    DANGEROUS = 2
    """Refused. Nothing lifts this."""

    @property
    def label(self) -> str:
        """The tier as users, logs and configuration spell it: ``safe``, ``caution`` or ``dangerous``."""
        return self.name.lower()
