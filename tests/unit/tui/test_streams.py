"""Output for pipes and programs: the bare answer, and one JSON object a line, in any encoding."""

from __future__ import annotations

import io
import json

import pytest

from alpi.agent import events
from alpi.base.message import Usage
from alpi.tui.printer import JsonPrinter, PlainWriter, Printer
from alpi.tui.terminal import Style, json_line

TEXT = 'Größe 漢 😀 "x"\n\u2028'


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", newline="")


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "ascii", "latin-1", "cp1252", "utf-16"])
def test_json_can_be_written_in_any_encoding_and_is_the_same(encoding: str) -> None:
    out = stream(encoding)
    printer = JsonPrinter(out)
    printer.show(events.Text(TEXT))
    printer.show(events.Saved("1", "user"))
    out.seek(0)
    lines = out.read().split("\n")
    assert [json.loads(line) for line in lines[:2]] == [
        {"type": "text", "text": TEXT},
        {"type": "saved", "id": "1", "role": "user"},
    ]
    assert lines[2] == ""


def test_json_is_as_short_as_it_can_be() -> None:
    assert json_line({"a": [1, "é"]}, stream("utf-8")) == '{"a":[1,"é"]}'
    assert json_line({"a": [1, "é"]}, stream("ascii")) == '{"a":[1,"\\u00e9"]}'


def test_an_answer_ends_with_a_line_end_and_holds_no_codes() -> None:
    out = io.StringIO()
    writer = PlainWriter(out)
    for piece in ("one", " \x1b[31mtwo\x1b[0m\a", "", "\x1b]0;t\x07"):
        writer.feed(piece)
    writer.finish()
    writer.finish()
    assert out.getvalue() == "one two\n"
    writer.feed("three\n")
    writer.finish()
    assert out.getvalue() == "one two\nthree\n"


def shown(*given: events.Event, quiet: bool = False) -> tuple[str, str]:
    answer, status = io.StringIO(), io.StringIO()
    printer = Printer(PlainWriter(answer), status, Style(False), quiet=quiet)
    for event in given:
        printer.show(event)
    return answer.getvalue(), status.getvalue()


DONE = events.ToolFinished("c", "read_file", True, "3 lines", "...", 0.1)
REFUSED = events.ToolFinished("c", "write_file", False, "refused", "refused: /etc is not yours", 0.1, True)
END = events.TurnEnded("s", "end", "hello", Usage(), 1, 0.5)


def test_into_a_pipe_goes_the_answer_and_only_what_went_wrong_is_said() -> None:
    answer, status = shown(
        events.TurnStarted("s", "a/b"), events.Thinking("hm"), events.Preparing("loading", 0.5),
        events.ToolStarted("c", "read_file", "a.txt"), events.ToolProgress("c", "half"), DONE, events.Text("hello"), END, quiet=True,
    )  # fmt: skip
    assert (answer, status) == ("hello\n", "")
    _, status = shown(events.ToolStarted("c", "write_file", "/etc/x"), REFUSED, END, quiet=True)
    assert "write_file /etc/x" in status
    assert "/etc is not yours" in status
    _, status = shown(events.Failed("home is down", "Try again", "it said \x1b[31mno"), quiet=True)
    assert status.startswith("alpi: home is down\n  Try again\n")
    assert "\x1b" not in status
    _, status = shown(events.Notice("a line was left out"), events.Retrying("home is busy", 2.0, ""), quiet=True)
    assert "! a line was left out" in status
    assert "! home is busy; trying again in 2 s" in status


@pytest.mark.parametrize("stop", ["interrupted", "length", "limit", "refusal"])
def test_why_an_answer_ended_early_is_said(stop: str) -> None:
    _, status = shown(events.Text("x"), events.TurnEnded("s", stop, "x", Usage(), 1, 0.5), quiet=True)
    assert status.strip().startswith("(")


def test_on_a_simple_terminal_each_tool_call_is_a_line() -> None:
    _, status = shown(events.ToolStarted("c", "read_file", "a.txt"), DONE, END)
    assert status == "✓ read_file a.txt · 3 lines\n"
