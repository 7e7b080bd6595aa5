"""The skills, and what alpi itself is made of: is anything there that nobody has been shown, or that is not as it was delivered."""

from __future__ import annotations

import base64
import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

from . import Finding, Subject

if TYPE_CHECKING:
    from ..skills.store import SkillStore
    from ..skills.vouching import Vouched

MOST_NAMED = 5


@dataclass(frozen=True)
class Skills:
    """The skills of a profile, as they are looked at. ``stored``: the secrets by name; ``path``: where programs are looked for."""

    store: SkillStore
    vouched: Vouched
    stored: Callable[[], Mapping[str, str]]
    path: str
    system: str


def check_skills(subject: Subject) -> list[Finding]:
    """Look at each skill as a session and a run would."""
    from ..skills.scripts import missing_programs

    assert subject.skills is not None
    skills, findings, count = subject.skills, [], 0
    for skill, problem in skills.store.found():
        if skill is None:
            findings.append(Finding("warning", problem, "Mend its SKILL.md, or: alpi skills remove"))
            continue
        count += 1
        name, show = skill.full_name, f"alpi skills show {skill.full_name}"
        errors = [one for one in skills.store.check(skill.folder, skill.category) if one.level == "error"]
        drift = skills.vouched.drift(skill)
        if errors:
            findings.append(Finding("failed", f"{name} is not used: {errors[0]}", f"Look at it: {show}"))
        if drift:
            told = ", ".join(drift[:MOST_NAMED])
            hint = f"Look at it: {show}. Its scripts are asked about again; installing it anew vouches for them"
            findings.append(Finding("warning", f"{name} has changed since it was installed: {told}", hint))
        if skill.platforms and skills.system not in skill.platforms:
            continue
        if missing := missing_programs(skill, skills.path):
            findings.append(Finding("warning", f"{name} needs {', '.join(missing)}", "Install it, or remove the skill"))
        if absent := [one for one in skill.requires_env if not skills.stored().get(one)]:
            hint = f"alpi config key {absent[0]}"
            findings.append(Finding("warning", f"{name} needs {', '.join(absent)}, which is not stored", hint))
    return findings or [Finding("ok", f"{count} skills" if count else "there are none yet")]


def check_packages(subject: Subject) -> list[Finding]:
    """Compare alpi's own environment with what its packages say that they have installed."""
    from ..skills.locking import startup_files

    folders = {Path(str(one.locate_file(""))).resolve() for one in distributions()}
    startup = sorted(name for folder in folders for name in startup_files(folder))
    findings = [
        Finding(
            "failed",
            f"{name} runs code whenever Python starts, and is not known",
            "Find out which package has brought it: grep -l it site-packages/*/RECORD; then install alpi afresh",
        )
        for name in startup
    ]
    changed = sorted(name for one in distributions() for name in changed_files(one))
    if changed:
        more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
        hint = "Somebody has changed them since they were installed. Install alpi afresh, and change your keys if it was not you"
        findings.append(Finding("failed", f"not as delivered: {', '.join(changed[:MOST_NAMED])}{more}", hint))
    return findings or [Finding("ok", f"{len(list(distributions()))} packages are as they were delivered")]


def changed_files(package: Distribution) -> Iterator[str]:
    """The files of a package that differ from its RECORD, or have gone. ``Distribution.files`` leaves out those (Python 3.12 and later)."""
    for row in csv.reader((package.read_text("RECORD") or "").splitlines()):
        name, digest = (*row, "", "")[:2]
        kind, _, wanted = digest.partition("=")
        if kind not in hashlib.algorithms_guaranteed:
            continue
        try:
            found = hashlib.new(kind, Path(str(package.locate_file(name))).read_bytes()).digest()
        except FileNotFoundError:
            yield f"{name} (gone)"
            continue
        if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != wanted:
            yield name
