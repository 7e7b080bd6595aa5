"""A profile in a temporary folder, as the doctor looks at it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from alpi.base.paths import ProfilePaths
from alpi.base.schema import Config
from alpi.doctor import Finding, Subject
from alpi.safety.policy import Policy
from tests.support.fakes import FakeClock


def subject(folder: Path, **changes: Any) -> Subject:
    """A profile that is in order, with changes."""
    home = folder / ".alpi"
    home.mkdir(mode=0o700, exist_ok=True)
    found = Subject(
        paths=ProfilePaths("default", home, home, folder / "cache"),
        home=folder,
        policy=Policy(),
        clock=FakeClock(),
        approved=lambda scope: False,
        config=Config(),
    )
    return dataclasses.replace(found, **changes)


def states(findings: list[Finding]) -> list[str]:
    return [finding.state for finding in findings]
