"""Running a profile day by day, as a person at a terminal does it: passphrases, questions, following a log, backups of a busy profile."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpi.doctor.probe import TOOL
from tests.support.model_server import running
from tests.support.program import Home
from tests.support.scripted import Recorded, Reply

from .terminal import Stage, stage

pytestmark = pytest.mark.e2e

WORDS = "correct horse battery staple"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, [Reply(text="hello", repeat=True)], width=200) as made:
        yield made


def test_a_passphrase_is_typed_twice_and_never_shown(scene: Stage, tmp_path: Path) -> None:
    t, target = scene.terminal, tmp_path / "b"
    t.alpi("backup", str(target))
    t.wait_for("Passphrase:")
    t.enter(WORDS)
    t.wait_for("Once more:")
    t.enter(WORDS + "x")
    t.wait_for("not the same")
    assert t.exit_code() == 2 and not target.exists()
    t.alpi("backup", str(target))
    t.wait_for("Passphrase:", count=2)
    t.enter(WORDS)
    t.wait_for("Once more:", count=2)
    t.enter(WORDS)
    t.wait_for("encrypted")
    assert t.exit_code() == 0
    t.alpi("backup", "--verify", str(target))
    t.wait_for("Passphrase:", count=3)
    t.enter("something else")
    t.wait_for("the passphrase is wrong")
    assert t.exit_code() == 1
    t.alpi("restore", str(target), "--as", "again")
    t.wait_for("Passphrase:", count=4)
    t.enter(WORDS)
    t.wait_for("next: alpi -p again doctor")
    assert WORDS not in t.output()


def test_ctrl_c_at_the_passphrase_leaves_nothing(scene: Stage, tmp_path: Path) -> None:
    t = scene.terminal
    t.alpi("backup", str(tmp_path / "b"))
    t.wait_for("Passphrase:")
    t.press("C-c")
    assert t.exit_code() == 130
    assert not list(tmp_path.glob("*b*.tmp")) and not (tmp_path / "b").exists()


def test_removing_a_profile_asks_and_the_default_is_no(scene: Stage) -> None:
    t = scene.terminal
    t.alpi("profile", "create", "work")
    t.alpi("profile", "remove", "work")
    t.wait_for("[y/N]")
    t.enter()
    t.wait_for("nothing was removed")
    t.alpi("profile", "remove", "work")
    t.wait_for("[y/N]", count=2)
    t.enter("y")
    t.wait_for("bring it back:")
    assert t.exit_code() == 0 and not (scene.home / ".alpi/profiles/work").exists()


def test_a_profile_with_an_open_chat_is_not_renamed(scene: Stage, tmp_path: Path) -> None:
    t = scene.terminal
    home = scene.home / ".alpi"
    (home / "profiles/work").mkdir(parents=True)
    (home / "profiles/work/config.yaml").write_text((home / "config.yaml").read_text())
    t.shell(
        "alpi -p work --plain </dev/null; (sleep 30 | alpi -p work --plain) & sleep 2; alpi profile rename work office"
    )
    t.wait_for("in use", 40)
    assert (home / "profiles/work").is_dir()
    t.press("Enter")


def test_following_a_log_until_ctrl_c(scene: Stage) -> None:
    t = scene.terminal
    t.alpi("ask", "one")
    t.wait_for("hello")
    t.shell("alpi logs -f & sleep 1; alpi ask two; sleep 1; kill -INT $!; wait $!")
    t.wait_shell(40)
    lines = [line for line in t.history().split("\n") if "turn  here/scripted" in line]
    assert len(lines) == 2, t.history()


@pytest.mark.parametrize("width", [60, 100])
def test_the_doctor_fits_the_terminal(tmp_path: Path, width: int) -> None:
    ready = Reply(tool_calls=[{"name": TOOL, "arguments": {"word": "ready"}}], repeat=True)
    with stage(tmp_path, [ready], width=width, height=60) as made:
        made.terminal.alpi("doctor")
        made.terminal.wait_shell(40)
        assert made.terminal.exit_code() == 0, made.terminal.screen()
        lines = made.terminal.history().split("\n")
        shown = [line for line in lines if line.startswith(("ok ", "note ", "FAILED "))]
        assert len(shown) >= 15
        assert [line for line in lines if len(line) > width and "/pytest-" not in line] == [], (
            "only paths may be longer"
        )


def test_a_doctor_with_a_hanging_model_is_done_within_twenty_seconds(home: Home) -> None:
    with running([Reply(hang=True, repeat=True)]) as server:
        home.configure(server.url)
        started = time.monotonic()
        done = home.run("doctor", "--json")
        assert time.monotonic() - started < 21
    found = {record["check"]: record for record in map(json.loads, done.out.splitlines())}
    assert found["model"]["state"] == "warning" and "did not finish" in found["model"]["text"]


def test_backups_of_a_busy_profile_are_whole(home: Home, tmp_path: Path) -> None:
    """Turns go on while backups are made; each restored one has sound journals and only whole messages."""
    words = tmp_path / "words"
    words.write_text(WORDS)
    numbers = itertools.count()

    def note(request: Recorded) -> Reply:
        arguments = {"path": f"{next(numbers)}.txt", "content": "x" * 500}
        return Reply(tool_calls=[{"name": "write_file", "arguments": arguments}], delay=0.03, repeat=True)

    with running([note]) as server:
        home.configure(server.url, more="limits: {steps: 400}\n")
        busy = [home.start("ask", f"question {number}") for number in range(2)]
        until = time.monotonic() + 30
        while len(home.sessions()) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        for number in range(4):
            target = tmp_path / f"b{number}"
            saved = home.run("backup", "--passphrase-file", str(words), str(target))
            assert saved.code == 0, saved.err
        assert any(child.poll() is None for child in busy), "it was busy all the while"
        for child in busy:
            child.kill()
            child.communicate()
    for number in range(4):
        there = {"ALPI_HOME": str(tmp_path / f"there{number}")}
        done = home.run("restore", "--passphrase-file", str(words), str(tmp_path / f"b{number}"), environ=there)
        assert done.code == 0, done.err
        checked = home.run("doctor", "--json", "journals", environ=there)
        assert json.loads(checked.out)["state"] == "ok", checked.out
        assert home.run("audit", environ=there).code == 0
        for path in (tmp_path / f"there{number}/sessions").glob("*.jsonl"):
            assert path.read_bytes().endswith(b"\n")
