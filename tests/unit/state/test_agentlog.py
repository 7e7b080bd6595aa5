from __future__ import annotations

import json
import stat
from pathlib import Path

from alpi.base.locks import FileLock
from alpi.state.agentlog import AgentLog
from alpi.state.rotation import Rotation, rotate, rotated, surplus
from tests.support.fakes import FakeClock


def hiding(text: str) -> str:
    return text.replace("hunter2hunter2", "[secret KEY]")


def note_tool(log: AgentLog, tool: str = "read_file") -> bool:
    return log.tool(session="s1", surface="tui", model="a/b", tool=tool, ok=True, refused=False, seconds=0.12345)


def test_a_turn_and_a_tool_call_are_one_line_each_without_content(tmp_path: Path) -> None:
    log = AgentLog(tmp_path / "logs", FakeClock(), str)
    assert note_tool(log)
    assert log.turn(
        session="s1",
        surface="ask",
        model="a/b",
        ok=False,
        stop="failed",
        seconds=2.0,
        steps=3,
        input_tokens=7,
        output_tokens=5,
    )
    tool, turn = (json.loads(line) for line in log.path.read_text().splitlines())
    assert tool == {
        "time": "2026-11-23T09:30:00.000+00:00", "event": "tool", "session": "s1", "surface": "tui", "model": "a/b",
        "tool": "read_file", "ok": True, "refused": False, "seconds": 0.123,
    }  # fmt: skip
    assert turn["tokens"] == {"input": 7, "cached": 0, "output": 5}
    assert (turn["stop"], turn["steps"], turn["ok"]) == ("failed", 3, False)
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_names_are_cut_and_hold_no_secret(tmp_path: Path) -> None:
    log = AgentLog(tmp_path / "logs", FakeClock(), hiding)
    assert note_tool(log, "hunter2hunter2\udcff" + "x" * 100_000)
    text = log.path.read_text()
    assert "hunter2" not in text
    assert len(text) < 600


def test_what_cannot_be_written_is_told_and_never_raised(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("not a folder")
    assert note_tool(AgentLog(tmp_path / "logs", FakeClock(), str)) is False
    (tmp_path / "b" / "logs").mkdir(parents=True)
    (tmp_path / "b" / "logs" / "agent.log").symlink_to(tmp_path / "elsewhere")
    assert note_tool(AgentLog(tmp_path / "b" / "logs", FakeClock(), str)) is False
    assert not (tmp_path / "elsewhere").exists()


def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    log = AgentLog(tmp_path / "logs", FakeClock(), str)
    note_tool(log)
    log.path.write_bytes(log.path.read_bytes() + b'{"time":')
    note_tool(log)
    assert json.loads(log.path.read_text().splitlines()[-1])["event"] == "tool"


def test_it_rotates_and_keeps_a_few(tmp_path: Path) -> None:
    log = AgentLog(tmp_path / "logs", FakeClock(), str, Rotation(largest=1000, keep=2))
    for _ in range(50):
        assert note_tool(log)
    assert len(rotated(log.path)) == 2
    assert log.path.stat().st_size < 1200 if log.path.exists() else True


def test_a_rotation_that_another_process_is_busy_with_is_left_to_it(tmp_path: Path) -> None:
    log = AgentLog(tmp_path / "logs", FakeClock(), str, Rotation(largest=100, keep=2))
    with FileLock(tmp_path / "run" / "agent-log.lock"):
        note_tool(log)
        note_tool(log)
    assert len(log.path.read_text().splitlines()) == 2


def test_numbers_only_grow(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    for number in range(1, 12):
        path.write_text(str(number))
        assert rotate(path).name == f"x.log.{number}"
    assert [found.name for found in surplus(path, 9)] == ["x.log.1", "x.log.2"]
    (tmp_path / "x.log.old").write_text("")
    (tmp_path / "x.log.012").write_text("")
    assert len(rotated(path)) == 11
    assert rotated(tmp_path / "none" / "y.log") == []
