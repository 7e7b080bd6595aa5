"""Checks of this machine and profile: a list of small ones, each saying what to do when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ..safety.paths import PathGuard
from ..safety.policy import Policy

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``hint`` is what to do, ``""`` where all is well."""

    state: State
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Subject:
    """What is being looked at: one profile on this machine."""

    guard: PathGuard
    policy: Policy
    sandbox: str | None
    """The mode that the settings ask for, or ``None``."""
    approved: Callable[[str], bool]
    """Whether a scope is approved for always."""


Check = Callable[[Subject], list[Finding]]


def checks() -> Mapping[str, Check]:
    """All checks by name, in the order in which they run."""
    from .gate import check_gate
    from .sandbox import check_sandbox

    return MappingProxyType({"gate": check_gate, "sandbox": check_sandbox})
