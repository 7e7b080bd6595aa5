"""What a terminal does to a stream of text: sizes that change, text that is long or wide, terminals that can do little."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tests.e2e.terminal import stage
from tests.support.model_server import Reply

pytestmark = pytest.mark.e2e


def test_a_storm_of_sizes_while_text_arrives_leaves_no_copies(tmp_path: Path) -> None:
    """Every block carries a mark. However often the window changes, each mark stands once in all that was ever written."""
    blocks = [
        f"mark{n:02}x is a **paragraph** of some length, so that it needs several lines in a narrow window."
        for n in range(30)
    ]
    blocks[10] = "```python\n" + "\n".join(f"mark{n}x = 1  # a line of code" for n in range(100, 140)) + "\n```"
    blocks[20] = "\n".join(f"- mark{n}x in a list" for n in range(200, 220))
    text = "\n\n".join(blocks)
    sizes = random.Random(4)
    with stage(tmp_path, [Reply(text=text, chunk_size=25, chunk_delay=0.02)]) as s:
        s.terminal.alpi("ask", "go")
        s.terminal.wait_for("mark00x")
        for _ in range(60):
            s.terminal.resize(sizes.randint(30, 200), sizes.randint(8, 60))
            if "mark29x" in s.terminal.screen():
                break
        s.terminal.resize(100, 30)
        s.terminal.wait_for("mark29x")
        s.terminal.wait_shell()
        marks = re.findall(r"mark\d+x", s.terminal.history())
        wanted = re.findall(r"mark\d+x", text)
        assert list(dict.fromkeys(marks)) == wanted
        # The first change may come between asking for the size and drawing: that may cost the lines of a block, never a flood.
        assert len(marks) <= len(wanted) + 5


@pytest.mark.parametrize("width", [40, 41, 80])
def test_wide_text_is_replaced_without_leftovers(tmp_path: Path, width: int) -> None:
    """Characters that take two cells do not always fill a row to its end; the rows of a paragraph are counted with that in mind."""
    lines = [
        "東京の天気はとても良いです。" * 9,
        "a" + "字" * 101 + "**終**",
        "😀👍 emoji 🎉 " * 12,
        "mixed ワイド and narrow text " * 6,
    ]
    text = "\n\n".join(f"mark{n} {line}" for n, line in enumerate(lines)) + "\n\nlast"
    with stage(tmp_path, [Reply(text=text, chunk_size=11, chunk_delay=0.01)], width=width, height=40) as s:
        s.terminal.alpi("ask", "go")
        s.terminal.wait_for("last")
        s.terminal.wait_shell()
        history = s.terminal.history()
        assert re.findall(r"mark\d", history) == [f"mark{n}" for n in range(len(lines))]
        said = history.partition("ask go")[2].replace(" ", "").replace("\n", "")
        assert said == text.replace("**", "").replace(" ", "").replace("\n", "") + "$"


def test_code_longer_than_the_screen_is_set_whole(tmp_path: Path) -> None:
    lines = [f"value_{n:03} = {n}" for n in range(120)]
    text = "Here:\n\n```python\n" + "\n".join(lines) + "\n```\n\nThat was it."
    with stage(tmp_path, [Reply(text=text, chunk_size=30, chunk_delay=0.005)]) as s:
        s.terminal.alpi("ask", "go")
        s.terminal.wait_for("That was it.")
        said = s.terminal.history().partition("ask go")[2]
        assert "```" not in said
        assert re.findall(r"^  (value_\d+ = \d+)$", said, re.MULTILINE) == lines
        assert said.count("value_") == len(lines)


def test_a_paragraph_longer_than_the_screen_is_written_once(tmp_path: Path) -> None:
    text = " ".join(f"word{n}" for n in range(600)) + "\n\nThat was it."
    with stage(tmp_path, [Reply(text=text, chunk_size=100)], height=12) as s:
        s.terminal.alpi("ask", "go")
        s.terminal.wait_for("That was it.")
        assert re.findall(r"word\d+", s.terminal.history().replace("\n", "")) == [f"word{n}" for n in range(600)]


def test_codes_in_an_answer_do_nothing(tmp_path: Path) -> None:
    evil = "before \x1b[2J\x1b]0;title\x07\x1b[31mred\x1b[0m \x9b31m after\r\n\nand \x1b]52;c;aGk=\x07 on"
    with stage(tmp_path, [Reply(text=evil)]) as s:
        s.terminal.alpi("ask", "go")
        assert "before" in s.terminal.wait_for(" on\n")
        output = s.terminal.output()
        assert not re.search(r"\x1b\[2J|\x1b\]|\x1b\[31m|\x9b", output)


@pytest.mark.parametrize(("term", "options"), [("dumb", ()), ("tmux-256color", ("--plain",))], ids=["dumb", "plain"])
def test_a_chat_without_terminal_codes(tmp_path: Path, term: str, options: tuple[str, ...]) -> None:
    target = tmp_path / "elsewhere.txt"
    call = {"name": "write_file", "arguments": {"path": str(target), "content": "x\n"}}
    answer = "# Head\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThe **end**."
    slow = Reply(text=answer, chunk_size=4, chunk_delay=0.05)
    with stage(tmp_path, [Reply(tool_calls=[call]), slow, "Answer to it."], term=term, height=50) as s:
        s.terminal.chat(*options)
        s.terminal.enter("go")
        s.terminal.wait_for("[no]")
        s.terminal.enter("y")
        s.terminal.wait_for("Head")
        s.terminal.enter("typed meanwhile")
        s.terminal.wait_for("Answer to it.")
        assert target.read_text() == "x\n"
        s.terminal.press("C-d")
        s.terminal.wait_shell()
        # A terminal that can mark a paste is asked to; nothing else is ever sent to it.
        assert "\x1b" not in re.sub(r"\x1b\[\?2004[hl]" if term != "dumb" else "$^", "", s.terminal.output())


def test_no_color(tmp_path: Path) -> None:
    with stage(tmp_path, ["# Head\n\nThe **end**."], environ={"NO_COLOR": "1"}) as s:
        s.terminal.alpi("ask", "go")
        assert "Head\n\nThe end." in s.terminal.wait_for("The end.")
        assert not re.search(r"\x1b\[[0-9;]*m", s.terminal.output())


def test_forty_columns(tmp_path: Path) -> None:
    """Nothing that alpi itself says runs over the edge of a narrow terminal in a way that hides it."""
    target = tmp_path / "elsewhere.txt"
    replies = [
        Reply(
            text="I write it.",
            tool_calls=[{"name": "write_file", "arguments": {"path": str(target), "content": "x\n"}}],
        ),
        "Not done.",
    ]
    with stage(tmp_path, replies, width=40, height=60) as s:
        s.terminal.chat()
        s.terminal.enter("go")
        s.terminal.wait_for("[no]")
        assert str(target) in s.terminal.history()
        s.terminal.press("Enter")
        s.terminal.wait_for("Not done.")
