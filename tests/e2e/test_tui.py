"""The chat as an app, in a real terminal: streaming, questions, stopping, resizing, leaving it as it was."""

from __future__ import annotations

import base64
import random
import re
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.terminal import Stage, stage
from tests.support.model_server import Reply

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
# The first letter of the prompt's hint stands under the cursor.
HINT = "sk, or / for commands"
ENDLESS = Reply(text=["Beginning of the answer", " never sent"], silence_after=2)
SLOW = Reply(text="Slowly, word by word, an answer that takes its time. " * 40, chunk_size=6, chunk_delay=0.01)


def opened(s: Stage, *arguments: str) -> Stage:
    """Open the chat and wait for its prompt."""
    s.terminal.alpi(*arguments)
    s.terminal.wait_for(HINT)
    return s


def writing(path: Path) -> Reply:
    return Reply(tool_calls=[{"name": "write_file", "arguments": {"path": str(path), "content": "hello\n"}}])


def test_text_is_seen_while_the_rest_has_not_been_sent_and_esc_stops_it_at_once(tmp_path: Path) -> None:
    with stage(tmp_path, [ENDLESS, "Here again."]) as s:
        opened(s)
        s.terminal.enter("hi")
        assert "never sent" not in s.terminal.wait_for("Beginning of the answer")
        began = time.monotonic()
        s.terminal.press("Escape")
        s.terminal.wait_for("stopped; what was said so far is kept")
        assert time.monotonic() - began < 2, "a second, and what a busy machine adds"
        s.terminal.enter("still there?")
        s.terminal.wait_for("Here again.")


def test_keys_are_taken_from_the_first_moment(tmp_path: Path) -> None:
    with stage(tmp_path, ["Answered."]) as s:
        s.terminal.alpi()
        s.terminal.type("typed while it starts")
        s.terminal.wait_for("typed while it starts")
        s.terminal.press("Enter")
        s.terminal.wait_for("Answered.")
        assert "typed while it starts" in s.last_said(0)


def test_a_change_outside_is_asked_about_and_a_bare_enter_is_a_no(tmp_path: Path) -> None:
    target = tmp_path / "outside.txt"
    with stage(tmp_path, [writing(target), "As you wish.", writing(target), "Written."], width=160) as s:
        opened(s)
        s.terminal.enter("write it")
        screen = s.terminal.wait_for("yes, this once")
        assert "+ hello" in screen
        assert "outside.txt" in screen
        time.sleep(0.6)
        s.terminal.press("Enter")
        s.terminal.wait_for("As you wish.")
        assert not target.exists()
        s.terminal.enter("write it")
        s.terminal.wait_for("yes, this once")
        time.sleep(0.6)
        s.terminal.press("y")
        s.terminal.wait_for("Written.")
        assert target.read_text() == "hello\n"


def test_a_message_of_several_lines_and_a_paste_arrive_whole(tmp_path: Path) -> None:
    with stage(tmp_path, ["Read.", "Read it, too."]) as s:
        opened(s)
        s.terminal.type("one\\")
        s.terminal.press("Enter")
        s.terminal.type("two")
        s.terminal.press("C-j")
        s.terminal.enter("three")
        s.terminal.wait_for("Read.")
        assert "one\ntwo\nthree" in s.last_said(0)
        pasted = "\n".join(f"row {number}" for number in range(100))
        s.terminal.paste(pasted)
        s.terminal.wait_for("[pasted 100 lines]")
        s.terminal.press("Enter")
        s.terminal.wait_for("Read it, too.")
        assert pasted in s.last_said(1)


def test_a_conversation_goes_on_with_dash_c(tmp_path: Path) -> None:
    with stage(tmp_path, ["Noted: **blue**.", "It is blue."]) as s:
        opened(s)
        s.terminal.enter("my colour is blue")
        s.terminal.wait_for("Noted: blue.")
        s.terminal.press("C-d")
        s.terminal.wait_for("alpi -c goes on with this conversation")
        assert s.terminal.exit_code() == 0
        opened(s, "-c")
        screen = s.terminal.wait_for("Noted: blue.")
        assert "▌ my colour is blue" in screen
        s.terminal.enter("what is it?")
        s.terminal.wait_for("It is blue.")
        assert len([message for message in s.sent(1) if message["role"] == "user"]) == 2


def test_the_last_reply_is_copied_through_the_terminal(tmp_path: Path) -> None:
    with stage(tmp_path, ["A **bold** word."]) as s:
        opened(s)
        s.terminal.enter("hi")
        s.terminal.wait_for("A bold word.")
        s.terminal.wait_for("tokens")
        s.terminal.press("C-y")
        s.terminal.wait_for("the last reply is copied")
        code = re.search(r"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", s.terminal.output())
        assert code is not None
        assert base64.b64decode(code[1]).decode() == "A **bold** word."


def test_codes_in_an_answer_do_not_reach_the_terminal(tmp_path: Path) -> None:
    with stage(tmp_path, ["\x1b]0;owned\x07\x1b[31mred \x1b]52;c;YQ==\x07\x9b2Jwords"]) as s:
        opened(s)
        s.terminal.enter("hi")
        s.terminal.wait_for("red 2Jwords")
        output = s.terminal.output()
        assert "owned" not in output
        assert "YQ==" not in output


def test_a_storm_of_resizes_while_an_answer_arrives(tmp_path: Path) -> None:
    sizes = random.Random(5)
    with stage(tmp_path, [SLOW], width=100, height=30) as s:
        opened(s)
        s.terminal.enter("go on")
        s.terminal.wait_for("Slowly")
        for _ in range(60):
            s.terminal.resize(sizes.randint(20, 250), sizes.randint(6, 60))
            time.sleep(0.02)
        s.terminal.resize(72, 24)
        screen = s.terminal.wait(lambda text: "tokens" in text and HINT in text, "the end of the turn")
        rows = screen.split("\n")
        assert rows[0].startswith("  alpi · here/scripted")
        assert max(map(len, rows)) <= 72
        assert screen.count(HINT) == 1
        s.terminal.press("C-d")
        s.terminal.wait_for("alpi -c goes on")
        assert s.terminal.exit_code() == 0


@pytest.mark.parametrize(("width", "height"), [(40, 12), (250, 60)])
def test_small_and_large_terminals(tmp_path: Path, width: int, height: int) -> None:
    with stage(tmp_path, ["| a | b |\n|---|---|\n| 1 | 2 |\n\nThat is it."], width=width, height=height) as s:
        opened(s)
        s.terminal.enter("hi")
        screen = s.terminal.wait_for("That is it.")
        assert max(map(len, screen.split("\n"))) <= width
        assert screen.startswith("  alpi")


def test_leaving_gives_the_terminal_back(tmp_path: Path) -> None:
    with stage(tmp_path, ["Hello."]) as s:
        s.terminal.run("echo", "stood here before")
        opened(s)
        s.terminal.press("C-c", "C-c")
        s.terminal.wait_shell()
        assert "stood here before" in s.terminal.screen()
        assert HINT not in s.terminal.screen()
        s.terminal.run("stty", "-a")
        screen = s.terminal.wait_shell()
        assert " echo " in screen
        assert " icanon " in screen
        assert s.terminal.output().rstrip().rfind("\x1b[?1049l") > s.terminal.output().rfind("\x1b[?1049h")


def test_being_ended_from_outside_gives_the_terminal_back(tmp_path: Path) -> None:
    with stage(tmp_path, []) as s:
        opened(s)
        s.terminal.wait_for("A new conversation")
        found = [path for path in Path("/proc").glob("[0-9]*/environ") if str(s.home).encode() in _read(path)]
        (chat,) = [path.parent for path in found if b"bin/alpi" in _read(path.parent / "cmdline")]
        import os
        import signal

        os.kill(int(chat.name), signal.SIGTERM)
        s.terminal.wait_shell()
        assert HINT not in s.terminal.screen()
        s.terminal.run("echo", "echo works")
        s.terminal.wait_for("echo works", count=2)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it has ended, or is somebody else's


def test_a_bug_of_the_screen_gives_the_terminal_back_and_says_where_the_conversation_is(tmp_path: Path) -> None:
    with stage(tmp_path, [], environ={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}, width=100) as s:
        s.terminal.run("cd", str(ROOT))
        s.terminal.run(sys.executable, "-m", "tests.support.chat_alone", "broken")
        s.terminal.wait_for(HINT)
        s.terminal.enter("break")
        screen = s.terminal.wait_for("alpi: The chat's screen broke: AttributeError")
        assert "alpi -c --plain" in screen.replace("\n", "")
        assert "Traceback" not in screen
        assert s.terminal.exit_code() == 1


def test_slash_commands_in_the_real_program(tmp_path: Path) -> None:
    with stage(tmp_path, ["Hello."], width=100, height=40) as s:
        opened(s)
        s.terminal.type("/st")
        s.terminal.wait_for("/status")
        s.terminal.press("Enter", "Enter")
        s.terminal.wait_for("here/scripted", count=2)
        s.terminal.enter("/nonsense")
        s.terminal.wait_for("/nonsense", count=2)
        s.terminal.enter("hi")
        s.terminal.wait_for("Hello.")
        assert len(s.server.model_calls) == 1
        s.terminal.enter("/plain")
        s.terminal.wait(lambda screen: screen.rstrip().endswith(">"), "the plain interface's prompt")
