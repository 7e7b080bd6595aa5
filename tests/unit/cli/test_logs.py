"""alpi logs: readable lines, filters, and following across a rotation."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alpi.cli.logs import Tail, Wanted, agent_line, approval_line, is_failure
from alpi.state.agentlog import AgentLog
from alpi.state.audit import AuditEntry, AuditLog
from alpi.state.rotation import Rotation
from tests.support.fakes import FakeClock
from tests.support.program import Home


def write(home: Home, clock: FakeClock | None = None) -> AgentLog:
    clock = clock or FakeClock()
    log = AgentLog(home.alpi / "logs", clock, str)
    log.tool(session="s1", surface="chat", model="a/b", tool="read_file", ok=True, refused=False, seconds=0.25)
    clock.go_on(3600)
    log.tool(session="s1", surface="chat", model="a/b", tool="terminal", ok=False, refused=True, seconds=0.0)
    clock.go_on(3600)
    log.turn(session="s2", surface="ask", model="a/b", ok=True, stop="answer", seconds=2, steps=3, input_tokens=1200)
    return log


def shown(home: Home, *argv: str) -> list[str]:
    done = home.call("logs", *argv)
    assert done.code == 0, done.err
    return done.out.splitlines()


def test_lines_for_a_person(home: Home) -> None:
    write(home)
    first, second, third = shown(home)
    assert "ok" in first and "tool  read_file" in first and "[chat s1]" in first
    assert "refused" in second
    assert "1,200 tokens in" in third and "3 steps" in third and "[ask s2]" in third


def test_filters(home: Home) -> None:
    write(home)
    assert len(shown(home, "-n", "1")) == 1 and "turn" in shown(home, "-n", "1")[0]
    assert len(shown(home, "--session", "s1")) == 2
    assert len(shown(home, "--surface", "ask")) == 1
    assert len(shown(home, "--failed")) == 1
    assert len(shown(home, "--since", "2026-11-23T10:00:00+00:00")) == 2
    assert shown(home, "--since", "2099-01-01") == []
    assert shown(home, "-n", "0") == []
    assert home.call("logs", "--since", "yesterday").code == 2
    assert home.call("logs", "-n", "-1").code == 2
    assert [json.loads(line)["event"] for line in shown(home, "--json")] == ["tool", "tool", "turn"]


def test_an_age(home: Home) -> None:
    now = datetime.now(UTC)
    write(home, FakeClock(now - timedelta(hours=2)))
    assert len(shown(home, "--since", "90m")) == 2
    assert len(shown(home, "--since", "1d")) == 3


def test_no_log_and_a_broken_config_are_no_trouble(home: Home) -> None:
    home.alpi.mkdir()
    (home.alpi / "config.yaml").write_text("model: [\n")
    done = home.call("logs")
    assert (done.code, done.out) == (0, "") and "nothing has been logged" in done.err


def test_what_was_asked_and_refused(home: Home) -> None:
    log = AuditLog(home.alpi / "logs", FakeClock(), str)
    for decision in ("once", "no"):
        entry = AuditEntry("s", "chat", "person", "terminal", "rm \x1b[31mx", "caution", decision, reason="deletes")
        log.record(entry)
    first, second = shown(home, "approval")
    assert "caution" in first and "once" in first and "(deletes)" in first and "\x1b" not in first
    assert shown(home, "approval", "--failed") == [second]


@pytest.mark.parametrize("record", [{}, {"tokens": 3, "seconds": None, "time": 5}, {"event": "tool", "tool": None}])
def test_lines_that_nobody_expects_are_shown_all_the_same(record: dict[str, object]) -> None:
    assert agent_line(record) and approval_line(record)
    assert not is_failure(record)
    assert not Wanted(since=datetime(2026, 1, 1, tzinfo=UTC)).fits(record)


def test_following_across_rotations_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    log = AgentLog(tmp_path / "logs", FakeClock(), str, Rotation(largest=1500, keep=50))
    seen: list[str] = []
    tail = Tail(tmp_path / "logs/agent.log")
    assert list(tail.written()) == []
    until = time.monotonic() + 20

    def read() -> None:
        for record in tail.follow(lambda seconds: time.sleep(0.001)):
            seen.append(record["session"])
            if len(seen) == 300 or time.monotonic() > until:
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    for number in range(300):
        log.tool(session=str(number), surface="x", model="m", tool="t", ok=True, refused=False, seconds=0)
        if number % 10 == 0:
            time.sleep(0.004)
    reader.join(20)
    assert seen == [str(number) for number in range(300)]
    assert len(list((tmp_path / "logs").iterdir())) > 10, "it was rotated often"


def test_files_that_came_and_went_between_two_looks_are_read(tmp_path: Path) -> None:
    log = AgentLog(tmp_path / "logs", FakeClock(), str, Rotation(largest=300, keep=50))

    def note(number: int) -> None:
        log.tool(session=str(number), surface="x", model="m", tool="t", ok=True, refused=False, seconds=0)

    note(0)
    tail = Tail(tmp_path / "logs/agent.log")
    assert [record["session"] for record in tail.written()] == ["0"]
    for number in range(1, 20):
        note(number)
    following = tail.follow(lambda seconds: None)
    assert [next(following)["session"] for _ in range(19)] == [str(number) for number in range(1, 20)]


def test_a_torn_line_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    path.write_bytes(b'{"session": "1"}\n{"sess')
    tail = Tail(path)
    assert [record["session"] for record in tail.written()] == ["1"]
    with path.open("ab") as file:
        file.write(b'ion": "2"}\n')
    assert next(tail.follow(lambda seconds: None))["session"] == "2"
