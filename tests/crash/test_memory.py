"""Memory under ``kill -9`` and under many writers: what was acknowledged stands, no file is torn, and nobody's entry is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alpi.base.clock import SystemClock
from alpi.state.memory import MemoryStore, Note
from alpi.state.memory.entries import parse

OPEN = """
import sys
from pathlib import Path
from alpi.base.clock import SystemClock
from alpi.state.memory import MemoryStore, Note
limits = dict.fromkeys(("user", "memory", "personality"), 100_000)
store = MemoryStore(Path(sys.argv[1]) / "memory", limits, SystemClock(), str, lambda text: "")
"""
# Adds, replaces and removes for ever; a line is printed once a change is acknowledged.
CHANGER = (
    OPEN
    + """
import itertools
for number in itertools.count():
    name = f"{sys.argv[2]} fact {number}"
    store.add("memory", name, Note("s", "test"))
    print("+" + name, flush=True)
    if number % 3 == 1:
        store.replace("memory", name, name + " corrected", Note("s", "test"))
        print("-" + name, flush=True)
        print("+" + name + " corrected", flush=True)
    if number % 3 == 2:
        store.remove("memory", name, Note("s", "test"))
        print("-" + name, flush=True)
"""
)
ADDER = (
    OPEN
    + """
for number in range(int(sys.argv[3])):
    store.add("memory", f"{sys.argv[2]} fact {number}", Note("s", "test"))
"""
)


def opened(folder: Path) -> MemoryStore:
    limits = dict.fromkeys(("user", "memory", "personality"), 100_000)
    return MemoryStore(folder / "memory", limits, SystemClock(), str, lambda text: "")


def run_and_kill(folder: Path, name: str, after: float) -> list[str]:
    """Run the changer, kill it some time after its first line, and give the lines that it had printed whole."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHANGER, str(folder), name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stderr is not None
    first = child.stdout.readline()
    assert first, child.stderr.read()
    time.sleep(after)
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read()  # not communicate(), which does not know of what was read ahead with the first line
    child.communicate()
    return [line for line in (first + rest).split("\n")[:-1] if line]


def check_kills(folder: Path, rounds: int, chance: random.Random) -> None:
    """After each kill: the acknowledged entries stand; at most the one change that was under way differs; all texts can be made again."""
    for round in range(rounds):
        name = f"round {round}"
        told = run_and_kill(folder, name, chance.uniform(0, 0.15))
        expected: set[str] = set()
        for line in told:
            expected.symmetric_difference_update({line[1:]})
        store = opened(folder)
        text = (folder / "memory" / "MEMORY.md").read_text(encoding="utf-8")
        assert text.endswith("\n")
        standing = {entry.words for entry in parse(text).entries if entry.words.startswith(name)}
        # One change may have been made and not acknowledged: an entry more, one less, or one that was exchanged.
        assert len(standing - expected) <= 1
        assert len(expected - standing) <= 1
        assert not (expected - standing) or told[-1][0] == "+"
        store.add("memory", f"{name} afterwards", Note("s", "test"))
        changes = store.history.changes()
        assert store.history.at("memory", changes[-1].id) == store.text("memory")
        assert {change.action for change in changes} <= {
            "add",
            "replace",
            "remove",
        }  # a crash is never taken for a hand's work
        assert not list((folder / "memory").glob(".*.tmp"))
        for words in standing:
            store.remove("memory", words, Note("s", "test"))


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    check_kills(tmp_path, 4, random.Random("memory"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    check_kills(tmp_path, 100, random.Random())


def check_many(folder: Path, processes: int, adds: int) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", ADDER, str(folder), f"process {number}", str(adds)], stderr=subprocess.PIPE
        )
        for number in range(processes)
    ]
    for child in children:
        _, errors = child.communicate(timeout=280)
        assert child.returncode == 0, errors.decode()
    words = [entry.words for entry in opened(folder).entries("memory")]
    assert sorted(words) == sorted(
        f"process {process} fact {number}" for process in range(processes) for number in range(adds)
    )
    changes = opened(folder).history.changes()
    assert [change.id for change in changes] == list(range(1, processes * adds + 1))


def test_four_processes_lose_nothing(tmp_path: Path) -> None:
    check_many(tmp_path, 4, 15)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_eight_processes_lose_nothing(tmp_path: Path) -> None:
    check_many(tmp_path, 8, 200)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_lines_that_a_person_appends_meanwhile_survive(tmp_path: Path) -> None:
    path = tmp_path / "memory" / "MEMORY.md"
    path.parent.mkdir()
    path.write_text("- start\n", encoding="utf-8")
    children = [
        subprocess.Popen([sys.executable, "-c", ADDER, str(tmp_path), f"process {number}", "60"]) for number in range(4)
    ]
    hands = 0
    while any(child.poll() is None for child in children):
        with path.open("a", encoding="utf-8") as file:
            file.write(f"- by hand {hands}\n")
        hands += 1
        time.sleep(0.15)
    assert [child.returncode for child in children] == [0] * 4
    words = [entry.words for entry in opened(tmp_path).entries("memory")]
    added = [f"process {process} fact {number}" for process in range(4) for number in range(60)]
    assert sorted(words) == sorted(["start", *added, *(f"by hand {number}" for number in range(hands))])
