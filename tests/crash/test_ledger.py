"""The ledger under ``kill -9``, with two processes at it: nothing acknowledged is lost, and no line in the middle is broken."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC
from pathlib import Path

import pytest

from alpi.base.message import Usage
from alpi.state.ledger import Ledger
from tests.support.fakes import FakeClock

ROOT = Path(__file__).resolve().parents[2]
WORKER = """
import sys
from datetime import UTC
from pathlib import Path
from alpi.base.message import Usage
from alpi.state.ledger import Ledger
from tests.support.fakes import FakeClock  # all on one day, whenever this runs
ledger = Ledger(Path(sys.argv[1]), FakeClock(), str, UTC)
while True:
    name = ledger.reserve(model="m/m", surface="t", asker=sys.argv[2], session="s" * 40, purpose="turn", tokens=9, usd=0.1, caps=())
    print("reserve", name, flush=True)
    ledger.settle(name, Usage(input=7), 0.05, "x")
    print("call", name, flush=True)
"""


def start(path: Path, asker: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(path), asker], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


def acknowledged(child: subprocess.Popen[str]) -> list[tuple[str, str]]:
    """Kill a worker, and give what it had been told is on the disk."""
    os.kill(child.pid, signal.SIGKILL)
    assert child.stdout is not None
    said = child.stdout.read()  # not communicate(), which does not know of what was read ahead with an earlier line
    child.communicate()
    return [(line.split()[0], line.split()[1]) for line in said.split("\n")[:-1]]


def kill_and_check(folder: Path, rounds: int, chance: random.Random) -> None:
    path = folder / "ledger.jsonl"
    told: list[tuple[str, str]] = []
    other = start(path, "other")
    try:
        for _ in range(rounds):
            victim = start(path, "victim")
            assert victim.stdout is not None
            told.append(("reserve", victim.stdout.readline().split()[1]))
            time.sleep(chance.uniform(0, 0.05))
            told += acknowledged(victim)
            assert other.poll() is None
    finally:
        told += acknowledged(other)
    *lines, torn = path.read_bytes().split(b"\n")
    there = {(record["record"], record["id"]) for record in map(json.loads, lines)}
    assert set(told) <= there
    ledger = Ledger(path, FakeClock(), str, UTC)
    dead = ledger.cut_off()
    assert len(dead) <= rounds + 1
    ledger.release()
    ledger.settle(
        ledger.reserve(model="m/m", surface="t", asker="a", session="", purpose="turn", tokens=1, usd=None, caps=()), Usage(1), None, "x"
    )  # fmt: skip
    for line in path.read_bytes().split(b"\n")[:-1]:
        json.loads(line)
    calls = {id for kind, id in there if kind == "call"}
    # A last line that only lacked its newline was not acknowledged; it counts all the same once it is mended.
    assert ledger.today().calls - len(calls) - 1 in ((0, 1) if torn else (0,))
    assert ledger.today().held == 0


def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    kill_and_check(tmp_path, 5, random.Random("ledger"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    kill_and_check(tmp_path, 100, random.Random())
