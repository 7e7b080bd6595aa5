"""What 200 skills cost a session: tokens of the prompt, and the time to look them through, beside reading and parsing their heads alone."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import yaml

from alpi.agent.prompt import estimate_tokens
from alpi.base.clock import SystemClock
from alpi.skills.format import CATEGORIES
from alpi.skills.index import index_text
from alpi.skills.store import SkillStore
from tests.support.skills import checker, page, write_skill

from .measure import Row, Runs, ratio

SKILLS = 200
ROUNDS = 10
# What is paid in every request for having many skills: those that do not fit are named, or only counted.
AIM_TOKENS = 750.0
BODY = "Read the table, add up what belongs together, and say the sum.\n\n    python scripts/sum.py table.csv\n" * 5


def run() -> list[Row]:
    """The store as a session opens it, each time anew, and the bare reading in turn."""
    ours, floor = Runs(), Runs()
    with tempfile.TemporaryDirectory(prefix="alpi-bench-") as name:
        folder = Path(name)
        for number in range(SKILLS):
            skill = folder / "skills" / CATEGORIES[number % len(CATEGORIES)] / f"helper-{number:03}"
            text = page(
                skill.name, f"Adds up tables of kind {number}. Use when someone asks what kind {number} comes to.", BODY
            )
            write_skill(skill, {"SKILL.md": text, "scripts/sum.py": "print(sum(map(float, open('table.csv'))))\n"})
        for number in range(ROUNDS + 1):
            begin = time.perf_counter()
            index = index_text(SkillStore(folder / "skills", checker(folder), SystemClock(), str).usable("linux"))
            middle = time.perf_counter()
            heads = [
                yaml.load(path.read_text().split("---")[1], yaml.CSafeLoader)
                for path in (folder / "skills").glob("*/*/SKILL.md")
            ]
            end = time.perf_counter()
            if number:
                ours.seconds.append(middle - begin)
                floor.seconds.append(end - middle)
        assert len(heads) == SKILLS
    tokens = estimate_tokens(index)
    named = f"{index.count('helper-')} of them by name, {index.count('Use when')} with their use"
    note = f"best to best {ours.best / floor.best:.1f}; noise {floor.noise:.0%}, {ROUNDS} runs; descriptions are scanned each time"
    return [
        Row(
            f"{SKILLS} skills in the prompt",
            f"{len(index):,} characters",
            "",
            float(tokens),
            AIM_TOKENS,
            " tokens",
            named,
        ),
        Row(
            f"{SKILLS} skills looked through, to reading their heads",
            ours.shown(),
            floor.shown(),
            ratio(ours, floor),
            unit="x",
            note=note,
        ),
    ]
