"""The chat in a real terminal: streaming, questions, stopping, waiting messages, going on later."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.terminal import Stage, stage
from tests.support.model_server import Reply

pytestmark = pytest.mark.e2e

SLOW = Reply(text="Slowly, word by word, an answer that takes its time. " * 3, chunk_size=6, chunk_delay=0.08)
ENDLESS = Reply(text=["Beginning of the answer", " never sent"], silence_after=2)


def writing(path: Path, content: str = "hello\n", **more: object) -> Reply:
    call = {"name": "write_file", "arguments": {"path": str(path), "content": content}}
    return Reply(tool_calls=[call], **more)  # type: ignore[arg-type]


def roles(s: Stage) -> list[str]:
    return [message["role"] for message in s.journal()]


# -- streaming and leaving -------------------------------------------------------------------------------------------


def test_text_is_seen_while_the_rest_has_not_been_sent(tmp_path: Path) -> None:
    """After the first piece the server falls silent for good: what is on the screen then cannot have waited for more."""
    with stage(tmp_path, [ENDLESS]) as s:
        s.terminal.chat()
        s.terminal.enter("hi")
        assert "never sent" not in s.terminal.wait_for("Beginning of the answer")


def test_ctrl_d_leaves_and_says_how_to_go_on(tmp_path: Path) -> None:
    with stage(tmp_path, ["Hello."]) as s:
        s.terminal.chat()
        s.terminal.enter("hi")
        s.terminal.wait_for("Hello.")
        s.terminal.press("C-d")
        s.terminal.wait_for("alpi -c goes on with this conversation")
        assert s.terminal.exit_code() == 0


def test_dash_c_goes_on_with_the_last_conversation(tmp_path: Path) -> None:
    with stage(tmp_path, ["A fine colour.", "It is blue."]) as s:
        s.terminal.chat()
        s.terminal.enter("my colour is blue")
        s.terminal.wait_for("A fine colour.")
        s.terminal.press("C-d")
        s.terminal.wait_shell()
        s.terminal.run("clear")
        s.terminal.chat("-c")
        assert "going on with session" in s.terminal.screen()
        s.terminal.enter("what is my colour?")
        s.terminal.wait_answered("It is blue.")
        assert ["my colour is blue" in str(m) for m in s.sent(1)].count(True) == 1
        assert roles(s) == ["user", "assistant"] * 2


def test_arrow_up_brings_back_what_was_typed(tmp_path: Path) -> None:
    with stage(tmp_path, ["One.", "Two."]) as s:
        s.terminal.chat()
        s.terminal.enter("the very same question")
        s.terminal.wait_answered("One.")
        s.terminal.press("Up")
        s.terminal.wait_for("the very same question", count=2)
        s.terminal.press("Enter")
        s.terminal.wait_for("Two.")
        assert "the very same question" in s.last_said(1)


def test_a_paste_of_several_lines_is_one_message(tmp_path: Path) -> None:
    with stage(tmp_path, ["Read."]) as s:
        s.terminal.chat()
        s.terminal.paste("first line\nsecond line\nthird line")
        s.terminal.wait_for("third line")
        assert not s.server.model_calls
        s.terminal.press("Enter")
        s.terminal.wait_for("Read.")
        assert "first line\nsecond line\nthird line" in s.last_said(0)


# -- stopping --------------------------------------------------------------------------------------------------------


def test_ctrl_c_stops_the_turn_within_a_second_and_the_chat_goes_on(tmp_path: Path) -> None:
    with stage(tmp_path, [ENDLESS, "Going on."]) as s:
        s.terminal.chat()
        s.terminal.enter("tell me")
        s.terminal.wait_for("Beginning of the answer")
        pressed = time.monotonic()
        s.terminal.press("C-c")
        s.terminal.wait_for("(stopped; what was said so far is kept)")
        assert time.monotonic() - pressed < 1.5
        s.terminal.enter("and now?")
        s.terminal.wait_answered("Going on.")
        left = s.server.model_calls[0].disconnected
        assert left is not None
        assert left - pressed < 1.5
        assert roles(s) == ["user", "assistant", "user", "assistant"]
        assert s.journal()[1]["text"] == "Beginning of the answer"
        assert [m["role"] for m in s.sent(1)] == ["user", "assistant", "user"]


def test_ctrl_c_before_the_first_word(tmp_path: Path) -> None:
    with stage(tmp_path, [Reply(hang=True), "Going on."]) as s:
        s.terminal.chat()
        s.terminal.enter("tell me")
        s.wait_calls(1)
        s.terminal.press("C-c")
        s.terminal.wait_for("(stopped", seconds=3)
        s.terminal.enter("and now?")
        s.terminal.wait_answered("Going on.")
        assert "and now?" in s.last_said(1)


def test_ctrl_c_stops_a_running_tool(tmp_path: Path) -> None:
    call = {"name": "terminal", "arguments": {"command": "sleep 31.5"}}
    with stage(tmp_path, [Reply(tool_calls=[call]), "Going on."]) as s:
        s.terminal.chat()
        s.terminal.enter("wait")
        s.wait_calls(1)
        time.sleep(1.0)  # plain lines show a tool when it is over, so that nothing has to be taken back
        pressed = time.monotonic()
        s.terminal.press("C-c")
        s.terminal.wait_for("(stopped")
        assert time.monotonic() - pressed < 2
        s.terminal.enter("and now?")
        s.terminal.wait_answered("Going on.")
        assert roles(s) == ["user", "assistant", "tool", "user", "assistant"]


def test_ctrl_c_at_a_question_refuses_and_leaves_a_whole_transcript(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.txt"
    with stage(tmp_path, [writing(target), "Going on."]) as s:
        s.terminal.chat()
        s.terminal.enter("write it")
        s.terminal.wait_for("[no]")
        s.terminal.press("C-c")
        s.terminal.wait_for("(stopped", seconds=3)
        assert not target.exists()
        s.terminal.enter("and now?")
        s.terminal.wait_answered("Going on.")
        assert roles(s) == ["user", "assistant", "tool", "user", "assistant"]
        assert [m["role"] for m in s.sent(1)] == ["user", "assistant", "tool", "user"]


def test_ctrl_c_twice_leaves(tmp_path: Path) -> None:
    with stage(tmp_path, [ENDLESS]) as s:
        s.terminal.chat()
        s.terminal.enter("tell me")
        s.terminal.wait_for("Beginning of the answer")
        s.terminal.press("C-c")
        time.sleep(0.15)  # as fast as a hand is
        s.terminal.press("C-c")
        s.terminal.wait_for("alpi -c goes on", seconds=4)
        assert s.terminal.exit_code() == 0


def test_ctrl_c_twice_at_the_prompt_leaves(tmp_path: Path) -> None:
    with stage(tmp_path) as s:
        s.terminal.chat()
        s.terminal.press("C-c")
        s.terminal.wait_for("(press Ctrl-C again to leave)")
        s.terminal.press("C-c")
        assert s.terminal.exit_code() == 0


# -- typing while a turn runs ----------------------------------------------------------------------------------------


def test_a_message_typed_during_a_turn_waits_and_is_answered(tmp_path: Path) -> None:
    with stage(tmp_path, [SLOW, "Second answer."]) as s:
        s.terminal.chat()
        s.terminal.enter("first")
        s.terminal.wait_for("Slowly")
        s.terminal.enter("and the second")
        assert len(s.server.model_calls) == 1
        s.terminal.wait_for("Second answer.")
        assert "and the second" in s.last_said(1)
        history = s.terminal.history()
        assert "\n> and the second" in history


def test_ctrl_d_during_a_turn_leaves_after_it(tmp_path: Path) -> None:
    with stage(tmp_path, [SLOW]) as s:
        s.terminal.chat()
        s.terminal.enter("first")
        s.terminal.wait_for("Slowly")
        s.terminal.press("C-d")
        assert s.terminal.exit_code() == 0
        assert s.terminal.history().count("Slowly, word by word") == 3


def test_what_was_begun_during_a_turn_stands_at_the_next_prompt(tmp_path: Path) -> None:
    with stage(tmp_path, [SLOW, "Second answer."]) as s:
        s.terminal.chat()
        s.terminal.enter("first")
        s.terminal.wait_for("Slowly")
        s.terminal.type("half a mess")
        s.terminal.wait_for("\n\n> half a mess")
        s.terminal.enter("age")
        s.terminal.wait_for("Second answer.")
        assert "half a message" in s.last_said(1)


def test_a_waiting_message_is_not_sent_after_ctrl_c_and_not_lost(tmp_path: Path) -> None:
    with stage(tmp_path, [ENDLESS, "Edited."]) as s:
        s.terminal.chat()
        s.terminal.enter("first")
        s.terminal.wait_for("Beginning")
        s.terminal.enter("waiting one")
        time.sleep(0.5)
        s.terminal.press("C-c")
        s.terminal.wait_for("(stopped", seconds=3)
        s.terminal.wait_for("\n> waiting one")
        assert len(s.server.model_calls) == 1
        s.terminal.enter(", edited")
        s.terminal.wait_for("Edited.")
        assert "waiting one, edited" in s.last_said(1)


# -- the question ----------------------------------------------------------------------------------------------------


def test_a_bare_enter_refuses(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.txt"
    with stage(tmp_path, [writing(target), "I did not."]) as s:
        s.terminal.chat()
        s.terminal.enter("write it")
        s.terminal.wait_for("[no]")
        s.terminal.press("Enter")
        s.terminal.wait_for("I did not.")
        assert "-> no" in s.terminal.screen()
        assert not target.exists()


def test_keys_from_before_the_question_do_not_count(tmp_path: Path) -> None:
    """A whole line typed meanwhile is the next message; what was not ended is dropped; neither is a yes."""
    target = tmp_path / "elsewhere.txt"
    text = "I am going to write it now, as you asked me to. " * 2
    replies = [writing(target, text=text, chunk_size=4, chunk_delay=0.08), "I did not.", "You said y."]
    with stage(tmp_path, replies) as s:
        s.terminal.chat()
        s.terminal.enter("write it")
        s.terminal.wait_for("I am going")
        s.terminal.enter("y")
        s.terminal.type("y")
        screen = s.terminal.wait_for("[no]")
        assert screen.index("as you asked me to.") < screen.index("? Write")
        time.sleep(0.5)
        assert screen.split("\n")[-1].strip() == "[no]"
        assert "[no]" in s.terminal.screen()
        assert not target.exists()
        s.terminal.press("Enter")
        s.terminal.wait_for("I did not.")
        assert not target.exists()
        s.terminal.wait_for("You said y.")
        assert s.last_said(2).startswith("y") or s.last_said(2).endswith("y")


def test_y_allows_once_and_asks_again(tmp_path: Path) -> None:
    first, second = tmp_path / "out" / "a.txt", tmp_path / "out" / "b.txt"
    with stage(tmp_path, [writing(first), writing(second), "There you are."]) as s:
        s.terminal.chat()
        s.terminal.enter("write both")
        s.terminal.wait_for("[no]")
        s.terminal.enter("y")
        s.terminal.wait_for("-> yes, this once")
        s.terminal.wait_for("[no]", count=2)
        assert first.read_text() == "hello\n"
        assert not second.exists()
        s.terminal.enter("n")
        s.terminal.wait_for("There you are.")
        assert not second.exists()


def test_s_is_not_asked_twice_in_the_session(tmp_path: Path) -> None:
    paths = [tmp_path / "out" / name for name in ("a.txt", "b.txt", "c.txt")]
    with stage(tmp_path, [writing(paths[0]), writing(paths[1]), "Two.", writing(paths[2]), "Three."], height=50) as s:
        s.terminal.chat()
        s.terminal.enter("write them")
        s.terminal.wait_for("[no]")
        s.terminal.enter("s")
        s.terminal.wait_for("Two.")
        s.terminal.enter("one more")
        s.terminal.wait_for("Three.")
        assert s.terminal.history().count("? Write") == 1
        assert [path.read_text() for path in paths] == ["hello\n"] * 3


def test_s_is_asked_again_in_a_new_conversation(tmp_path: Path) -> None:
    first, second = tmp_path / "out" / "a.txt", tmp_path / "out" / "b.txt"
    with stage(tmp_path, [writing(first), "One.", writing(second), "Two."], height=50) as s:
        s.terminal.chat()
        s.terminal.enter("write it")
        s.terminal.wait_for("[no]")
        s.terminal.enter("s")
        s.terminal.wait_for("One.")
        s.terminal.enter("/new")
        s.terminal.wait_for("A new conversation")
        s.terminal.enter("write it")
        s.terminal.wait_for("[no]", count=2)
        s.terminal.press("Enter")
        s.terminal.wait_for("Two.")
        assert not second.exists()


def test_an_edit_in_the_workspace_shows_what_changed(tmp_path: Path) -> None:
    arguments = {"path": "budget.md", "old": "rent 900", "new": "rent 950"}
    replies = [
        Reply(tool_calls=[{"name": "read_file", "arguments": {"path": "budget.md"}}]),
        Reply(tool_calls=[{"name": "edit_file", "arguments": arguments}]),
        "Changed.",
    ]
    with stage(tmp_path, replies) as s:
        (s.workspace / "budget.md").write_text("food 400\nrent 900\n")
        s.terminal.chat()
        s.terminal.enter("rent is 950 now")
        screen = s.terminal.wait_for("Changed.")
        assert (
            "✓ edit_file budget.md · 1 replacement\n      food 400\n    - rent 900\n    + rent 950\n\nChanged."
            in screen
        )


def test_slash_commands(tmp_path: Path) -> None:
    with stage(tmp_path, height=40) as s:
        s.terminal.chat()
        s.terminal.enter("/help")
        s.terminal.wait_for("start a new conversation")
        s.terminal.enter("/status")
        s.terminal.wait_for("Every request begins with")
        s.terminal.enter("/nothing")
        s.terminal.wait_for("there is no command /nothing")
        s.terminal.enter("/exit")
        assert s.terminal.exit_code() == 0
        assert not s.server.requests
