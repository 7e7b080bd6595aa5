"""The gate in a real terminal: what is asked, what is refused, what outlives a restart, and that stop stops."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.terminal import Stage, stage
from tests.support.model_server import Reply

pytestmark = pytest.mark.e2e

SCRIPT = "python3 make.py"


def running(command: str, **more: object) -> Reply:
    return Reply(tool_calls=[{"name": "terminal", "arguments": {"command": command, **more}}])


def results(s: Stage) -> list[str]:
    return [message["text"] for message in s.journal() if message["role"] == "tool"]


def profile(s: Stage) -> Path:
    return next(path for path in s.home.rglob("config.yaml")).parent


def log(s: Stage) -> list[dict[str, object]]:
    return [json.loads(line) for line in (profile(s) / "logs" / "approval.log").read_text().splitlines()]


def prepare(s: Stage) -> None:
    (s.workspace / "make.py").write_text("open('made', 'a').write('x')\n")


def test_a_bare_enter_refuses_and_the_command_does_not_run(tmp_path: Path) -> None:
    with stage(tmp_path, [running(SCRIPT), "I left it."]) as s:
        prepare(s)
        s.terminal.chat()
        s.terminal.enter("make it")
        screen = s.terminal.wait_for("[no]")
        assert SCRIPT in screen and str(s.workspace) in s.terminal.history()
        s.terminal.press("Enter")
        s.terminal.wait_for("I left it.")
        assert not (s.workspace / "made").exists()
        assert "the person said no" in results(s)[0]
        assert [line["decision"] for line in log(s)] == ["no"]


def test_an_explicit_yes_runs_it_in_the_sandbox(tmp_path: Path) -> None:
    with stage(tmp_path, [running(SCRIPT), "Made."]) as s:
        prepare(s)
        s.terminal.chat()
        s.terminal.enter("make it")
        s.terminal.wait_for("[no]")
        s.terminal.enter("y")
        s.terminal.wait_for("Made.")
        assert (s.workspace / "made").read_text() == "x"
        assert "not sandboxed" not in s.terminal.history()


def test_always_survives_a_restart_and_ends_with_the_script_it_was_given_for(tmp_path: Path) -> None:
    with stage(tmp_path, [running(SCRIPT), "Once.", running(SCRIPT), "Twice.", running(SCRIPT), "Not again."]) as s:
        prepare(s)
        s.terminal.chat()
        s.terminal.enter("make it")
        s.terminal.wait_for("[no]")
        s.terminal.enter("a")
        s.terminal.wait_answered("Once.")
        s.terminal.press("C-d")
        s.terminal.wait_shell()
        s.terminal.run("clear")
        s.terminal.alpi("approvals", "list")
        assert "make.py" in s.terminal.wait_shell()
        s.terminal.run("clear")
        s.terminal.chat()
        s.terminal.enter("make it again")
        s.terminal.wait_for("Twice.")
        assert "[no]" not in s.terminal.screen()
        assert (s.workspace / "made").read_text() == "xx"
        (s.workspace / "make.py").write_text("open('made', 'a').write('something else')\n")
        s.terminal.enter("and once more")
        s.terminal.wait_for("[no]")
        s.terminal.press("Enter")
        s.terminal.wait_for("Not again.")
        assert (s.workspace / "made").read_text() == "xx"


def test_ctrl_c_ends_a_command_with_its_children_within_a_second(tmp_path: Path) -> None:
    command = "sleep 4711 & sleep 4712 & sleep 4713"
    with stage(tmp_path, [running(command), "never said"]) as s:
        s.terminal.chat()
        s.terminal.enter("wait")  # sleeping is safe: it runs unasked
        assert _wait(lambda: len(_sleepers()) == 3, 20), s.terminal.screen()
        s.terminal.press("C-c")
        assert _wait(lambda: not _sleepers(), 3), "still there after three seconds"
        s.terminal.wait_for("stopped")
        assert "Stopped by the user" in results(s)[0]


def test_what_is_dangerous_is_refused_without_a_question(tmp_path: Path) -> None:
    with stage(tmp_path, [running("rm -rf ~"), running("cat ~/.ssh/id_rsa"), "I could not."]) as s:
        (s.home / ".ssh").mkdir(exist_ok=True)
        (s.home / ".ssh" / "id_rsa").write_text("the private key")
        s.terminal.chat()
        s.terminal.enter("do harm")
        s.terminal.wait_answered("I could not.")
        assert "[no]" not in s.terminal.history()
        assert (s.home / ".ssh" / "id_rsa").exists()
        assert all(text.startswith("refused: ") for text in results(s))
        assert "the private key" not in json.dumps(s.journal())
        s.terminal.press("C-d")
        s.terminal.wait_shell()
        s.terminal.alpi("audit", "verify")
        assert "in order" in s.terminal.wait_shell()


def test_undo_puts_back_what_a_turn_changed(tmp_path: Path) -> None:
    edit = Reply(tool_calls=[{"name": "edit_file", "arguments": {"path": "a.txt", "old": "before", "new": "after"}}])
    with stage(tmp_path, [edit, "Changed."]) as s:
        (s.workspace / "a.txt").write_text("before\n")
        s.terminal.alpi("ask", "change", "it")
        s.terminal.wait_for("Changed.")
        assert (s.workspace / "a.txt").read_text() == "after\n"
        s.terminal.wait_shell()
        s.terminal.alpi("undo")
        s.terminal.wait_for("Put them back?")
        s.terminal.enter("y")
        s.terminal.wait_for("to take this back")
        assert (s.workspace / "a.txt").read_text() == "before\n"


def _sleepers() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:1] == [b"sleep"] and words[1:2] in ([b"4711"], [b"4712"], [b"4713"]):
                found.append(int(entry.name))
    return found


def _wait(ready: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(0.05)
    return ready()


def test_a_command_gets_none_of_the_profiles_secrets(tmp_path: Path) -> None:
    with stage(tmp_path, [running("python3 show.py"), "Shown."]) as s:
        (s.workspace / "show.py").write_text("import os\nprint(sorted(os.environ))\nprint(os.environ)\n")
        env = profile(s) / ".env"
        env.write_text("HOME_KEY=sk-canary-0123456789abcdef\n")
        os.chmod(env, 0o600)
        s.terminal.chat()
        s.terminal.enter("show it")
        s.terminal.wait_for("[no]")
        s.terminal.enter("y")
        s.terminal.wait_for("Shown.")
        assert "'PATH'" in results(s)[0]
        assert "canary" not in results(s)[0]
