"""The verdict on one simple command while it is being made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from alpi.safety.tiers import Tier

from .expand import Field, Variables
from .scope import ScopeParts
from .steps import Step

Folders = tuple[Path | None, ...]
"""The folders where a command may stand when it runs; ``None`` if it may be anywhere."""


@dataclass(slots=True)
class Ruling:
    """Tier and reasons only ever get worse."""

    text: str
    tier: Tier = Tier.SAFE
    reasons: list[str] = field(default_factory=list)
    scope: ScopeParts = field(default_factory=ScopeParts)
    folder: str = ""
    writes: bool = False
    """It changes files, so that what follows may find another world."""
    fed: bool = False
    """Something other than the terminal writes into it."""

    def add(self, tier: Tier, reason: str) -> None:
        """Note a finding."""
        self.tier = max(self.tier, tier)
        if reason and tier > Tier.SAFE and reason not in self.reasons:
            if tier is Tier.DANGEROUS:
                self.reasons.insert(0, reason)
            else:
                self.reasons.append(reason)

    def caution(self, reason: str) -> None:
        """Shorthand for the most common finding."""
        self.add(Tier.CAUTION, reason)

    def danger(self, reason: str) -> None:
        """Shorthand for a refusal."""
        self.add(Tier.DANGEROUS, reason)

    def unfixed(self, reason: str) -> None:
        """A finding that no approval can be kept for."""
        self.scope.possible = False
        self.add(Tier.CAUTION, reason)


@dataclass(frozen=True, slots=True)
class Shell:
    """The state of the shell around a command, as far as it can be known."""

    variables: Variables
    folders: Folders
    functions: frozenset[str] = frozenset()
    tainted: frozenset[str] = frozenset()
    """The roles of programs whose output a variable holds (``network``, ``decode``)."""
    upstream: tuple[Step, ...] = ()
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """One program with its arguments, about to be judged."""

    argv: list[Field]
    step: Step
    shell: Shell

    @property
    def arguments(self) -> list[Field]:
        """All but the program."""
        return self.argv[1:]

    @property
    def text(self) -> str:
        """For people: what is known of the arguments, in one line."""
        return " ".join(item.text.replace("\0", "…") for item in self.argv)


Roles = frozenset[str]
"""What matters of programs that feed others: ``network``, ``decode``, ``shell``, ``interpreter``, ``program``."""
