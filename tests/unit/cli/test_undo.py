from __future__ import annotations

import argparse
import io
import os
import pty
import stat
import sys
from pathlib import Path

import pytest

from alpi.base.clock import SystemClock
from alpi.base.errors import UsageError
from alpi.cli import undo
from alpi.state.kept import content_hash
from alpi.state.undo import Kept, UndoStore


class Desk:
    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.work = folder / "work"
        self.work.mkdir()
        self.store = UndoStore(self.home / "undo", SystemClock())

    def change(self, turn: str, path: Path, data: bytes | None) -> None:
        before = path.read_bytes() if path.exists() else None
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        kept = self.store.keep(turn, "s1", path, before, mode, "write_file")
        assert isinstance(kept, Kept)
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)
        self.store.done(kept, content_hash(data))

    def run(self, *argv: str) -> int:
        parser = argparse.ArgumentParser()
        parser.add_argument("--profile")
        undo.add(parser)
        args = parser.parse_args(argv)
        return int(args.run(args, {"ALPI_HOME": str(self.home)}))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk(tmp_path)
    monkeypatch.chdir(made.work)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for name in ("a", "gone"):
        (made.work / name).write_text("old\n")
    (made.work / "gone").chmod(0o755)
    made.change("t1", made.work / "a", b"new\n")
    made.change("t1", made.work / "made", b"made\n")
    made.change("t1", made.work / "gone", None)
    return made


def test_it_shows_the_changes_and_puts_them_back(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.run("--yes") == 0
    told = capsys.readouterr().out
    assert "-new" in told
    assert "+old" in told
    assert "to take this back: alpi undo undo-" in told
    assert {path.name: path.read_text() for path in desk.work.iterdir()} == {"a": "old\n", "gone": "old\n"}
    assert stat.S_IMODE((desk.work / "gone").stat().st_mode) == 0o755
    assert desk.run("--yes") == 0
    assert "nothing to take back" in capsys.readouterr().out
    own = desk.store.turns()[0]
    assert desk.run(own.id, "--yes") == 0
    assert (desk.work / "a").read_text() == "new\n"
    assert not (desk.work / "gone").exists()


def test_without_a_terminal_it_needs_yes(desk: Desk) -> None:
    with pytest.raises(UsageError, match="nobody can be asked"):
        desk.run()
    assert (desk.work / "a").read_text() == "new\n"


@pytest.mark.parametrize(
    ("typed", "done"), [(b"y\n", True), (b"\n", False), (b"n\n", False), (b"yess\n", False), (b"\x04", False)]
)
def test_only_a_typed_yes_is_one(desk: Desk, typed: bytes, done: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    outer, inner = pty.openpty()
    os.write(outer, b"y\n")  # typed ahead: does not count

    class Stderr(io.StringIO):
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> int:
            if "Put them back?" in text:
                os.write(outer, typed)
            return super().write(text)

    with open(inner, encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "stderr", Stderr())
        assert desk.run() == 0
    os.close(outer)
    assert (desk.work / "a").read_text() == ("old\n" if done else "new\n")


def test_a_file_that_changed_since_needs_force(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    (desk.work / "a").write_text("mine\n")
    assert desk.run("--yes") == 1
    told = capsys.readouterr()
    assert "--force" in told.out
    assert "stays as it is" in told.err
    assert (desk.work / "a").read_text() == "mine\n"
    assert desk.run("--yes", "--force", "a") == 0
    assert (desk.work / "a").read_text() == "old\n"
    with pytest.raises(UsageError, match="was not changed in turn"):
        desk.run("--yes", "t1", "--force", "other")


def test_only_changed_files_are_left_nothing_is_asked(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.run("--yes")
    (desk.work / "a").write_text("mine\n")
    assert desk.run("t1") == 1
    assert "nothing is put back" in capsys.readouterr().out
    (desk.work / "a").write_text("old\n")
    assert desk.run("t1") == 0
    assert "all is as it was already" in capsys.readouterr().out


def test_the_list(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.run("--yes")
    capsys.readouterr()
    assert desk.run("--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("undo of t1")
    assert any(line.startswith("t1 ") and line.endswith("session s1, undone") for line in lines)
    assert f"    {desk.work / 'gone'}" in lines


def test_what_is_forbidden_to_tools_stays_forbidden(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    config = desk.home / "config.yaml"
    for turn, data in (("t2", b"model: a/b\n"), ("t3", None)):
        desk.change(turn, config, data)
    assert desk.run("t3", "--yes") == 1
    assert "belongs to alpi itself" in capsys.readouterr().err
    config.write_bytes(b"model: a/b\n")
    assert desk.run("t2", "--yes") == 1
    assert config.exists()


def test_a_file_outside_the_workspace_comes_back_too(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other" / "deep"
    other.mkdir(parents=True)
    (other / "a").write_text("old\n")
    desk.change("t2", other / "a", None)
    other.rmdir()
    assert desk.run("t2", "--yes") == 0
    assert (other / "a").read_text() == "old\n"
