"""The index of sessions under ``kill -9``: whatever moment it comes in, the next search is right, and nothing that was removed stays."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alpi.state.search import SessionIndex
from tests.support.talks import plain_search, put

# Changes sessions at random and searches, so that most of its time goes into writing the index.
CHURN = """
import random, sys
from pathlib import Path
from alpi.state.search import SessionIndex
sys.path.insert(0, sys.argv[3])
from tests.support.talks import put, said
folder, seed = Path(sys.argv[1]), sys.argv[2]
chance = random.Random(seed)
index = SessionIndex(folder / "sessions", folder / "index", full=400)
words = ["birthday", "partner", "cake", "invoice", "secretword", "march"]
turns = 0
while True:
    for _ in range(3):
        path = folder / "sessions" / f"{seed}-{chance.randrange(6)}.jsonl"
        what = chance.random()
        turns += 1
        if what < 0.6 and path.exists():
            with path.open("ab") as file:
                file.write(said("user", f"m{turns}", " ".join(chance.choices(words, k=5)), turns))
        elif what < 0.8:
            put(folder / "sessions", path.stem, *[(" ".join(chance.choices(words, k=5)), "cake")] * chance.randrange(1, 6))
        else:
            path.unlink(missing_ok=True)
    index.search(chance.choice(words))
    print(turns, flush=True)
"""
ROOT = str(Path(__file__).resolve().parents[2])
QUERIES = ("birthday", "partner cake", '"cake"', "")


def start(folder: Path, seed: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHURN, str(folder), seed, ROOT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline(), child.stderr.read()
    return child


def kill(child: subprocess.Popen[str]) -> None:
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()


def check(folder: Path) -> None:
    index = SessionIndex(folder / "sessions", folder / "index")
    for query in QUERIES:
        found = [(hit.session, hit.message) for hit in index.search(query, limit=1000)]
        assert found == plain_search(folder / "sessions", query, limit=1000)
    assert not list((folder / "index").glob("*.tmp")) + list((folder / "index").glob(".*.tmp"))
    assert {path.stat().st_mode & 0o777 for path in (folder / "index").iterdir()} == {0o600}
    for path in (folder / "sessions").glob("*.jsonl"):
        path.write_bytes(path.read_bytes().replace(b"secretword", b"gone"))
    index.search("")
    assert not any(b"secretword" in path.read_bytes() for path in (folder / "index").iterdir())


def rounds(folder: Path, count: int, chance: random.Random) -> None:
    put(folder / "sessions", "first", ("my partner's birthday", "noted"))
    for number in range(count):
        child = start(folder, str(number % 3))
        time.sleep(chance.uniform(0, 0.1))
        kill(child)
        check(folder)


def test_a_kill_leaves_it_right(tmp_path: Path) -> None:
    rounds(tmp_path, 3, random.Random(1))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_many_kills_leave_it_right(tmp_path: Path) -> None:
    rounds(tmp_path, 100, random.Random())


def test_two_at_once_and_one_is_killed(tmp_path: Path) -> None:
    put(tmp_path / "sessions", "first", ("my partner's birthday", "noted"))
    children = [start(tmp_path, "a"), start(tmp_path, "b")]
    time.sleep(0.3)
    kill(children[0])
    time.sleep(0.2)
    assert children[1].poll() is None, children[1].communicate()
    kill(children[1])
    check(tmp_path)
