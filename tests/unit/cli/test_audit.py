from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from alpi.base.errors import UsageError
from alpi.cli import audit
from alpi.state.audit import AuditEntry, AuditLog
from tests.support.fakes import FakeClock


def run(home: Path, *argv: str) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile")
    audit.add(parser)
    args = parser.parse_args(argv)
    return int(args.run(args, {"ALPI_HOME": str(home)}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    log = AuditLog(tmp_path / "logs", FakeClock(), str)
    for number in (1, 2, 3):
        log.record(
            AuditEntry("s1", "tui", "person", "terminal", f"rm \x1b[8m{number}", "caution", "once", "", "deletes")
        )
    return tmp_path


def test_verify_says_that_it_is_in_order(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home) == run(home, "verify") == 0
    assert "is in order: 3 entries, 1 to 3, the last with hash" in capsys.readouterr().out


def test_verify_names_the_first_bad_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "logs" / "approval.log"
    path.write_text(path.read_text().replace("[8m2", "[8m9"))
    (home / "config.yaml").write_text("a broken: [config")  # must not keep anybody from looking
    assert run(home, "verify") == 1
    told = capsys.readouterr()
    assert "approval.log, line 2: altered" in told.out
    assert "move" in told.err


def test_an_empty_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [run(tmp_path / "x", *argv) for argv in ((), ("show",), ("export",))] == [0, 0, 0]
    assert "nothing was asked" in capsys.readouterr().out
    assert not (tmp_path / "x").exists()


def test_show_escapes_what_was_asked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "show", "--limit", "2") == 0
    told = capsys.readouterr().out
    assert "terminal: rm \\x1b[8m3" in told
    assert "\x1b" not in told
    assert "[8m1" not in told
    assert run(home, "show", "--json") == 0
    assert [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()] == [1, 2, 3]
    with pytest.raises(UsageError):
        run(home, "show", "--limit", "0")


def test_export_to_a_file_and_to_the_terminal(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = home / "out.jsonl"
    assert run(home, "export", "--output", str(out)) == 0
    assert out.read_text() == (home / "logs" / "approval.log").read_text()
    with pytest.raises(UsageError, match="exists already"):
        run(home, "export", "--output", str(out))
    capfd.readouterr()
    assert run(home, "export", "--format", "syslog") == 0
    assert [line[:7] for line in capfd.readouterr().out.splitlines()] == ["<109>1 "] * 3
