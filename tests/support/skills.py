"""Skills for tests: a store over the real scanner and classifier, folders made from a few words, skills of both kinds to judge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alpi.safety.paths import PathGuard
from alpi.safety.risk import assess
from alpi.safety.scanner import scan_memory
from alpi.safety.shell import ShellJudge
from alpi.safety.tiers import Tier
from alpi.skills.checking import Checker
from alpi.skills.store import SkillStore

from .fakes import FakeClock


def checker(folder: Path) -> Checker:
    """The checks as the program has them, for a home and a workspace below ``folder``."""
    guard = PathGuard(folder / "ws", folder / "home", folder / "home/.alpi", folder / "home/.alpi")
    scene = ShellJudge(guard).scene(folder / "ws")

    def judge(text: str) -> str:
        found = assess(text, scene)
        return "; ".join(found.reasons) if found.tier is Tier.DANGEROUS else ""

    return Checker(scan_memory, judge)


def skill_store(folder: Path, secret: str = "") -> SkillStore:
    """A store in ``folder/skills``. A text that holds ``secret`` is not written."""
    return SkillStore(
        folder / "skills",
        checker(folder),
        FakeClock(),
        lambda text: text.replace(secret, "[secret]") if secret else text,
    )


def page(name: str, description: str = "Does one thing well.", body: str = "Do it.", more: str = "") -> str:
    return f"---\nname: {name}\ndescription: {description}\n{more}---\n\n{body}\n"


def write_skill(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A folder with these files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
