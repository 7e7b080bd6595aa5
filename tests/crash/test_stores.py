"""The stores under ``kill -9``: whatever moment it comes in, what is left is consistent and what was acknowledged is there."""

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
from alpi.state.approvals import ApprovalStore
from alpi.state.audit import AuditLog
from alpi.state.kept import content_hash
from alpi.state.rotation import Rotation
from alpi.state.undo import State, UndoStore

AUDIT = """
import sys, time
from pathlib import Path
from alpi.base.clock import SystemClock
from alpi.state.audit import AuditEntry, AuditLog
from alpi.state.rotation import Rotation
log = AuditLog(Path(sys.argv[1]) / "logs", SystemClock(), str, Rotation(largest=2000, keep=3))
while True:
    print(log.record(AuditEntry("s", "t", "person", "terminal", "x" * 50, "caution", "once")), flush=True)
    time.sleep(float(sys.argv[2]))
"""
APPROVALS = """
import itertools, sys
from pathlib import Path
from alpi.base.clock import SystemClock
from alpi.state.approvals import ApprovalStore
store = ApprovalStore(Path(sys.argv[1]) / "approvals.json", SystemClock(), str)
for number in itertools.count(len(store.list())):
    store.add(f"scope {number}", "text", tool="t", session="s", surface="u")
    print(number, flush=True)
"""
UNDO = """
import itertools, os, sys
from pathlib import Path
from alpi.base.clock import SystemClock
from alpi.base.files import write_atomic
from alpi.state.kept import content_hash
from alpi.state.undo import Limits, UndoStore
folder = Path(sys.argv[1])
store = UndoStore(folder / "undo", SystemClock(), Limits(total=4000))
path = folder / "file"
for number in itertools.count(int(sys.argv[2]) * 1_000_000):
    before = path.read_bytes() if path.exists() else None
    after = b"%d" % number * 40
    kept = store.keep(f"t{number}", "s", path, before, 0o644, "t", content_hash(after))
    write_atomic(path, after)
    store.done(kept, content_hash(after))
    print(number, flush=True)
"""


def killed(script: str, *args: str, after: float) -> str:
    """Run a script, kill it some time after its first line, and give what it had printed."""
    child = subprocess.Popen(
        [sys.executable, "-c", script, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stderr is not None
    first = child.stdout.readline()
    assert first, child.stderr.read()
    time.sleep(after)
    os.kill(child.pid, signal.SIGKILL)
    rest = child.stdout.read()  # not communicate(), which does not know of what was read ahead with the first line
    child.communicate()
    return first + rest


def check_audit(folder: Path, rounds: int, chance: random.Random) -> None:
    last = 0
    for _ in range(rounds):
        told = killed(AUDIT, str(folder), "0", after=chance.uniform(0, 0.3)).split()
        assert int(told[0]) in (last + 1, last + 2)  # one may have been written and not acknowledged
        report = AuditLog(folder / "logs", SystemClock(), str, Rotation(largest=2000, keep=3)).verify()
        assert report.findings == ()
        assert report.last - int(told[-1]) in (0, 1)
        last = report.last


def check_approvals(folder: Path, rounds: int, chance: random.Random) -> None:
    for _ in range(rounds):
        told = killed(APPROVALS, str(folder), after=chance.uniform(0, 0.2)).split()
        store = ApprovalStore(folder / "approvals.json", SystemClock(), str)
        assert store.problem == ""
        assert all(store.has(f"scope {number}") for number in range(int(told[-1]) + 1))


def put(path: Path, data: bytes | None, mode: int) -> None:
    path.write_bytes(data or b"")


def check_undo(folder: Path, rounds: int, chance: random.Random) -> None:
    path = folder / "file"
    for round in range(1, rounds + 1):
        told = killed(UNDO, str(folder), str(round), after=chance.uniform(0, 0.3)).split()
        store = UndoStore(folder / "undo", SystemClock())
        turns = store.turns()
        assert int(turns[0].id[1:]) - int(told[-1]) in (0, 1)
        now = path.read_bytes()
        newest, *older = turns
        [plan] = store.plan(newest)
        assert plan.state in (State.RESTORABLE, State.SAME)  # the change was made, or it was not
        if plan.state is State.SAME:
            newest = older[0]
            [plan] = store.plan(newest)
            assert plan.state is State.RESTORABLE
        [change] = newest.changes
        store.restore(newest, put)
        assert content_hash(path.read_bytes() or None) == change.before
        path.write_bytes(now)


CHECKS = {"audit": check_audit, "approvals": check_approvals, "undo": check_undo}


@pytest.mark.parametrize("store", CHECKS)
def test_a_kill_leaves_it_consistent(store: str, tmp_path: Path) -> None:
    CHECKS[store](tmp_path, 3, random.Random(store))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", CHECKS)
def test_many_kills_leave_it_consistent(store: str, tmp_path: Path) -> None:
    CHECKS[store](tmp_path, 40, random.Random())


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_kill_while_two_write_leaves_the_other_going(tmp_path: Path) -> None:
    chance = random.Random()
    other = subprocess.Popen([sys.executable, "-c", AUDIT, str(tmp_path), "0.02"], stdout=subprocess.DEVNULL)
    try:
        for _ in range(15):
            killed(AUDIT, str(tmp_path), "0.02", after=chance.uniform(0, 0.3))
            assert other.poll() is None
            assert AuditLog(tmp_path / "logs", SystemClock(), str).verify().findings == ()
    finally:
        other.kill()
        other.wait()
