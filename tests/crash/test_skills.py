"""Skills under ``kill -9``: after each kill every skill is the old one or the new one, whole, and what was acknowledged stands."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alpi.skills.store import SkillStore
from tests.support.skills import skill_store

# Creates a skill once, then changes it for ever: page and script always carry the same number, written in two changes.
CHANGER = """
import itertools, sys
from pathlib import Path
from alpi.base.clock import SystemClock
from alpi.skills.checking import Checker
from alpi.skills.format import Skill
from alpi.skills.store import SkillStore
store = SkillStore(Path(sys.argv[1]) / "skills", Checker(lambda text: "", lambda text: ""), SystemClock(), str)
if not store.all():
    store.create(Skill("sample", "Does one thing.", "data", "Begin.", Path("sample")))
for number in itertools.count(int(sys.argv[2])):
    text = f"number = {number}\\n" + f"print({number})\\n" * 2000
    store.put("sample", "scripts/go.py", text)
    print(number, flush=True)
    if number % 10 == 9:
        store.archive("sample")
        print("gone", flush=True)
        store.create(Skill("sample", "Does one thing.", "data", "Begin.", Path("sample")))
        print("new", flush=True)
"""


def run_and_kill(folder: Path, start: int, after: float) -> list[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CHANGER, str(folder), str(start)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    first = process.stdout.readline()
    assert first, process.stderr.read()
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.wait()
    process.stderr.close()
    return [line for line in (first + rest).split("\n") if line]


def look(store: SkillStore, last: list[str]) -> None:
    """Every skill is whole, passes its checks, and is as was acknowledged last or one step further."""
    found = list(store.found())
    assert all(skill is not None for skill, _ in found), found
    assert not list(store.folder.glob(".stage-*"))
    for skill in store.all():
        assert store.check(skill.folder, skill.category) == []
        script = skill.folder / "scripts/go.py"
        if script.exists():
            head, *lines = script.read_text().splitlines()
            number = head.removeprefix("number = ")
            assert lines == [f"print({number})"] * 2000
            acknowledged = [int(line) for line in last if line.isdigit()]
            assert int(number) in (acknowledged[-1], acknowledged[-1] + 1)
    if last[-1].isdigit() and int(last[-1]) % 10 != 9:
        assert [skill.full_name for skill in store.all()] == ["data/sample"]


@pytest.mark.parametrize("rounds", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_the_old_or_the_new_one_stands_whole(tmp_path: Path, rounds: int) -> None:
    chance = random.Random(rounds)
    start = 0
    for _ in range(rounds):
        lines = run_and_kill(tmp_path, start, chance.random() * 0.15)
        look(skill_store(tmp_path), lines)
        start = max(int(line) for line in lines if line.isdigit()) + 2
