"""``alpi ask`` in a real terminal: streaming, set Markdown, questions, exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.terminal import stage
from tests.support.model_server import Reply

pytestmark = pytest.mark.e2e

DOCUMENT = """\
# Budget of November

The **total** is `412.80` euros; see [the page](https://example.org/a) and Vec<T>.

| item | cost | note |
|---|---:|---|
| groceries | 412.80 | weekly |
| rent | 950.00 | monthly, in advance, by standing order |

```python
def total(items):
    return sum(item.cost for item in items)  # all of them
```

Then:

1. first
2. second, which is long enough to need a second line where the terminal is narrow
   - nested

- one
- two

The end.
"""

AT_40 = """\
Budget of November

The total is 412.80 euros; see the page
(https://example.org/a) and Vec<T>.

item          cost   note
────────────────────────────────────────
groceries   412.80   weekly
rent        950.00   monthly, in
                     advance, by
                     standing order

  def total(items):
      return sum(item.cost for item in i
tems)  # all of them

Then:

1. first
2. second, which is long enough to need
   a second line where the terminal is
   narrow
   • nested

• one
• two

The end.
"""

AT_80 = """\
Budget of November

The total is 412.80 euros; see the page (https://example.org/a) and Vec<T>.

item          cost   note
───────────────────────────────────────────────────────────
groceries   412.80   weekly
rent        950.00   monthly, in advance, by standing order

  def total(items):
      return sum(item.cost for item in items)  # all of them

Then:

1. first
2. second, which is long enough to need a second line where the terminal is
   narrow
   • nested

• one
• two

The end.
"""

AT_200 = AT_80.replace("is\n   narrow", "is narrow")


@pytest.mark.parametrize(("width", "expected"), [(40, AT_40), (80, AT_80), (200, AT_200)])
def test_markdown_is_set_for_the_width_of_the_terminal(tmp_path: Path, width: int, expected: str) -> None:
    with stage(tmp_path, [Reply(text=DOCUMENT, chunk_size=7)], width=width, height=60) as s:
        s.terminal.shell("alpi ask hi; echo over")
        screen = s.terminal.wait_for("\nover")
        assert screen.partition("echo over\n")[2].partition("over")[0] == expected


def test_text_is_seen_while_the_rest_has_not_been_sent(tmp_path: Path) -> None:
    """After the first piece the server falls silent for good: what is on the screen then cannot have waited for more."""
    with stage(tmp_path, [Reply(text=["The first piece, ", "and the second."], silence_after=2)]) as s:
        s.terminal.alpi("ask", "hi")
        screen = s.terminal.wait_for("The first piece,")
        assert "second" not in screen
        s.terminal.press("C-c")
        s.terminal.wait_for("(stopped; what was said so far is kept)", seconds=3)
        assert s.terminal.exit_code() == 130
        assert [message["role"] for message in s.journal()] == ["user", "assistant"]
        assert s.journal()[1]["text"] == "The first piece, "


def test_a_running_tool_and_a_thinking_model_are_shown_only_for_as_long_as_they_are(tmp_path: Path) -> None:
    replies = [
        Reply(
            reasoning=["Let me ", "see."],
            tool_calls=[{"name": "read_file", "arguments": {"path": "a.md"}}],
            chunk_delay=0.3,
        ),
        Reply(text="It is empty.", delay=0.5),
    ]
    with stage(tmp_path, replies) as s:
        (s.workspace / "a.md").write_text("nothing\n")
        s.terminal.alpi("ask", "look")
        s.terminal.wait_for("· thinking …")
        s.terminal.wait_for("It is empty.")
        screen = s.terminal.wait_shell()
        assert "thinking" not in screen
        assert "✓ read_file a.md · 1 line\n\nIt is empty.\n" in screen


def test_a_write_outside_the_workspace_asks_and_enter_refuses(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.txt"
    call = {"name": "write_file", "arguments": {"path": str(target), "content": "hello\n"}}
    with stage(tmp_path, [Reply(text="I write it.", tool_calls=[call]), "I did not."]) as s:
        s.terminal.alpi("ask", "write it")
        screen = s.terminal.wait_for("[no]")
        assert screen.index("I write it.") < screen.index(f"? Write {target}"[:40])
        assert "+ hello" in screen
        s.terminal.press("Enter")
        s.terminal.wait_for("I did not.")
        assert "-> no" in s.terminal.screen()
        assert not target.exists()
        assert s.terminal.exit_code() == 3


def test_a_yes_writes_the_file(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.txt"
    call = {"name": "write_file", "arguments": {"path": str(target), "content": "hello\n"}}
    with stage(tmp_path, [Reply(tool_calls=[call]), "There it is."]) as s:
        s.terminal.alpi("ask", "write it")
        s.terminal.wait_for("[no]")
        s.terminal.enter("y")
        s.terminal.wait_for("There it is.")
        assert target.read_text() == "hello\n"
        assert s.terminal.exit_code() == 0


def test_what_is_typed_meanwhile_is_left_for_the_shell_and_does_not_disturb_the_answer(tmp_path: Path) -> None:
    text = "A paragraph that **arrives** slowly, word by word.\n\nAnd another."
    with stage(tmp_path, [Reply(text=text, chunk_size=6, chunk_delay=0.1)]) as s:
        s.terminal.alpi("ask", "hi")
        s.terminal.wait_for("A paragraph")
        s.terminal.enter("echo typed-ahead")
        s.terminal.wait_for("And another.")
        screen = s.terminal.wait_for("$ typed-ahead")
        assert "A paragraph that arrives slowly, word by word.\n\nAnd another.\n" in screen
        assert s.terminal.history().count("A paragraph") == 1


def test_exit_codes(tmp_path: Path) -> None:
    refused = {"name": "write_file", "arguments": {"path": "/etc/alpi-must-not-write-here", "content": "x"}}
    replies = [
        "fine",
        Reply(status=400, body={"error": {"message": "no such thing"}}),
        Reply(tool_calls=[refused]),
        "It was not allowed.",
    ]
    with stage(tmp_path, replies, width=160) as s:
        s.terminal.alpi("ask", "one")
        assert s.terminal.exit_code() == 0
        s.terminal.alpi("ask", "two")
        s.terminal.wait_for("no such thing")
        assert s.terminal.exit_code() == 1
        s.terminal.run("clear")
        s.terminal.shell("alpi ask three </dev/null")  # nobody can be asked
        s.terminal.wait_for("It was not allowed.")
        assert s.terminal.exit_code() == 3
        s.terminal.run("clear")
        s.terminal.alpi("ask")
        assert s.terminal.exit_code() == 2
        s.terminal.run("clear")
        (s.home / ".alpi" / "config.yaml").write_text("")
        s.terminal.alpi("ask", "four")
        s.terminal.wait_for("alpi setup")
        assert s.terminal.exit_code() == 2


def test_into_a_pipe_goes_the_bare_answer(tmp_path: Path) -> None:
    with stage(tmp_path, [Reply(text=DOCUMENT, tool_calls=[]), DOCUMENT], height=60) as s:
        s.terminal.shell("alpi ask hi | cat > piped; alpi ask hi > written 2> said")
        s.wait_calls(2)
        s.terminal.wait_shell()
        assert (s.workspace / "piped").read_text() == DOCUMENT
        assert (s.workspace / "written").read_text() == DOCUMENT
        assert (s.workspace / "said").read_text() == ""


@pytest.mark.parametrize(
    ("term", "environ", "options"),
    [("dumb", {}, ()), ("tmux-256color", {}, ("--plain",))],
    ids=["dumb", "plain"],
)
def test_no_terminal_codes_where_none_are_wanted(
    tmp_path: Path, term: str, environ: dict[str, str], options: tuple[str, ...]
) -> None:
    target = tmp_path / "elsewhere.txt"
    replies = [
        Reply(reasoning="hm", tool_calls=[{"name": "write_file", "arguments": {"path": str(target), "content": "x"}}]),
        Reply(text=DOCUMENT, chunk_size=9),
    ]
    with stage(tmp_path, replies, height=60, term=term, environ=environ) as s:
        s.terminal.alpi("ask", *options, "hi")
        s.terminal.wait_for("[no]")
        s.terminal.enter("y")
        s.terminal.wait_for("The end.")
        s.terminal.wait_shell()
        assert "\x1b" not in s.terminal.output()
        assert DOCUMENT in s.terminal.history() + "\n"
        assert target.read_text() == "x"


def test_no_color_leaves_out_colours_but_sets_markdown(tmp_path: Path) -> None:
    with stage(tmp_path, [Reply(text=DOCUMENT, chunk_size=9)], height=60, environ={"NO_COLOR": "1"}) as s:
        s.terminal.alpi("ask", "hi")
        s.terminal.wait_for("The end.")
        screen = s.terminal.wait_shell()
        assert AT_80 in screen
        assert not re.search(r"\x1b\[[0-9;]*m", s.terminal.output())
