"""kill -9 in the middle of turns: every acknowledged message is on the disk, every file parses, and the next turn runs."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from alpi.state.sessions import SessionStore, well_formed
from tests.support.fakes import FakeClock
from tests.support.model_server import Recorded, Reply, running
from tests.support.program import PROGRAM, SRC, Home
from tests.support.transcripts import is_well_formed

CALL = [{"name": "read_file", "arguments": {"path": "a.txt"}}]


def asked(request: Recorded) -> bool:
    return bool(request.body["messages"][-1]["role"] == "user")


# Each turn has two steps, a call and an answer, told a little slowly.
SCRIPT = (
    Reply(tool_calls=CALL, match=asked, repeat=True, chunk_delay=0.002),
    Reply(text="x" * 400, chunk_size=20, chunk_delay=0.002, repeat=True),
)


def start(home: Home) -> subprocess.Popen[bytes]:
    environ = {**home.environ, "PYTHONPATH": str(SRC)}
    words = [*PROGRAM, "ask", "--json", "-c", "go on"]
    return subprocess.Popen(words, env=environ, cwd=home.workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def acknowledged(output: bytes) -> list[str]:
    """The ids of the messages that the program said were saved; a last line that was cut off does not count."""
    events = [json.loads(line) for line in output.split(b"\n")[:-1] if line]
    return [event["id"] for event in events if event["type"] == "saved"]


def journals(home: Home) -> list[dict[str, Any]]:
    """All records of all sessions. A torn last line is allowed, nothing else that does not parse."""
    records = []
    for path in (home.alpi / "sessions").glob("*.jsonl"):
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, 1):
            try:
                records += [json.loads(line)] if line.strip() else []
            except ValueError:
                assert number == len(lines), f"{path}, line {number} is broken"
    return records


def kill_at(home: Home, seconds: float) -> list[str]:
    """Run a turn, kill it after so long; what it had acknowledged."""
    program = start(home)
    try:
        output, _ = program.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.kill(program.pid, signal.SIGKILL)
        output, _ = program.communicate(timeout=30)
    return acknowledged(output)


def one_profile(folder: Path, url: str, kills: int, seed: int) -> int:
    """Kill turn after turn of one conversation at random moments. Gives how many were killed before they had ended."""
    chance = random.Random(seed)
    home = Home(folder)
    (home.workspace / "a.txt").write_text("hello\n" * 200)
    home.configure(url)
    said, whole = [], 60.0
    for _ in range(3):
        begun = time.monotonic()
        ids = acknowledged(start(home).communicate(timeout=60)[0])
        whole = min(whole, time.monotonic() - begun)
        assert len(ids) == 4, "a turn that is left alone saves question, call, result and answer"
        said += ids
    stopped = 0
    for _ in range(kills):
        ids = kill_at(home, chance.uniform(0.4 * whole, whole))
        stopped += len(ids) < 4
        said += ids
        on_disk = [record["id"] for record in journals(home) if record["record"] == "message"]
        assert set(said) <= set(on_disk), "an acknowledged message is gone"
        assert len(set(on_disk)) == len(on_disk)
    end = acknowledged(start(home).communicate(timeout=60)[0])
    # After a kill in the middle of a step the calls without a result get one first.
    assert len(end) in (4, 5), "the next turn must run to its end"
    calls = [call["id"] for r in journals(home) for call in r.get("calls", ())]
    results = [r["call_id"] for r in journals(home) if r.get("role") == "tool"]
    assert len(calls) == len(results)
    return stopped


def attempt(folder: Path, profiles: int, kills: int) -> None:
    with running(SCRIPT) as server, ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(one_profile, folder / str(number), server.url, kills, number) for number in range(profiles)]
        stopped = sum(job.result() for job in jobs)
    assert stopped >= profiles * kills // 4, "too few turns were really killed for this to prove anything"


def test_a_few_kills(tmp_path: Path) -> None:
    attempt(tmp_path, 1, 8)


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path) -> None:
    attempt(tmp_path, 4, 50)


# -- in the middle of summing up -----------------------------------------------------------------------------------------


def sums_up(request: Recorded) -> bool:
    text = request.raw.decode()
    return "this conversation fills your window" in text or "This is a conversation:" in text


SUMMING = (
    Reply(text="Bees were counted: 412. " * 4, match=sums_up, repeat=True, chunk_delay=0.01),
    Reply(text="The bees flew over the meadow. " * 80, repeat=True, chunk_size=200),
)
NARROW = "models:\n  home/scripted: {context_window: 4600, max_output_tokens: 400}\n"


def one_summed_up(folder: Path, url: str, kills: int, seed: int) -> tuple[int, int]:
    """Kill turn after turn of a conversation that is summed up again and again. Gives (turns killed, summaries on the disk)."""
    chance = random.Random(seed)
    home = Home(folder)
    home.configure(url, more=NARROW)
    said: list[str] = []
    whole = 60.0
    for _ in range(3):
        begun = time.monotonic()
        said += acknowledged(start(home).communicate(timeout=60)[0])
        whole = min(whole, time.monotonic() - begun)
    stopped = tried = 0
    summaries: list[dict[str, Any]] = []
    # On a busy machine a kill may miss; some more are tried then.
    while tried < kills or (tried < 4 * kills and (stopped < kills // 5 or not summaries)):
        tried += 1
        ids = kill_at(home, chance.uniform(0.4 * whole, 1.3 * whole))
        stopped += len(ids) < 2
        said += ids
        records = journals(home)
        messages = [record["id"] for record in records if record["record"] == "message"]
        assert set(said) <= set(messages), "an acknowledged message is gone"
        (path,) = home.sessions()
        session = SessionStore(path.parent, FakeClock(), str).open(path.stem)
        assert [message.id for message in session.messages] == messages
        summaries = [record for record in records if record["record"] == "summary"]
        assert [summary.id for summary in session.summaries] == [record["id"] for record in summaries]
        assert all(record["covers"] in messages for record in summaries)
        # Either state is whole: the summary and what follows it, or all as it was.
        sent = session.active()
        assert is_well_formed(well_formed(sent, FakeClock().now()))
        assert sent[-1].id == messages[-1]
        assert bool(summaries) == ("412" in sent[0].text)
    ids = acknowledged(start(home).communicate(timeout=60)[0])
    assert len(ids) == 2, "the next turn must run to its end"
    return stopped, len(summaries)


def attempt_summaries(folder: Path, profiles: int, kills: int) -> None:
    with running(SUMMING) as server, ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(one_summed_up, folder / str(number), server.url, kills, number) for number in range(profiles)
        ]
        done = [job.result() for job in jobs]
    assert sum(stopped for stopped, _ in done) >= profiles * kills // 5, (
        "too few turns were really killed for this to prove anything"
    )
    assert sum(summaries for _, summaries in done) >= profiles, "nothing was summed up"


def test_a_few_kills_while_summing_up(tmp_path: Path) -> None:
    attempt_summaries(tmp_path, 1, 5)


@pytest.mark.slow
def test_a_hundred_kills_while_summing_up(tmp_path: Path) -> None:
    attempt_summaries(tmp_path, 4, 25)
