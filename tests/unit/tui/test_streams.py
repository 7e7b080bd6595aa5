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


def test_what_a_turn_used_is_said_where_somebody_counted() -> None:
    def line(usage: Usage, cost: float | None) -> str:
        return shown(events.TurnEnded("s", "end", "x", usage, 1, 0.5, 0, cost))[1].strip()

    assert line(Usage(), None) == ""
    assert line(Usage(1200, 0, 0, 40), None) == "1,200 tokens in, 40 out"
    assert line(Usage(1200, 900, 0, 40), 0.01234) == "1,200 tokens in (75% cached), 40 out · $0.0123"
    assert line(Usage(10, 0, 0, 1), 0.0) == ""
    assert line(Usage(10, 9, 0, 1), 0.0) == "10 tokens in (90% cached), 1 out · free"
    assert shown(events.TurnEnded("s", "end", "x", Usage(9, 0, 0, 9), 1, 0.5), quiet=True)[1] == ""


def test_a_compaction_is_said_and_a_claim_is_marked() -> None:
    _, status = shown(events.Compacting(), events.Compacted(3, 6610, 1988), events.ContextUsed(1, 2))
    assert (
        status
        == "· summing up the older part of the conversation …\n· 3 older turns summed up: 6,610 tokens are 1,988 now\n"
    )
    assert "an older turn summed up" in shown(events.Compacted(1, 10, 5))[1]
    assert "the older part of this turn summed up" in shown(events.Compacted(0, 10, 5))[1]
    assert shown(events.Compacting(), events.Compacted(3, 10, 5), quiet=True)[1] == ""
    _, status = shown(events.NotDone(("saved", "sent\x1b[31m")), quiet=True)
    assert status == "! not done: saved, sent (the answer says so, but nothing in this turn did it)\n"


def test_on_a_simple_terminal_each_tool_call_is_a_line() -> None:
    _, status = shown(events.ToolStarted("c", "read_file", "a.txt"), DONE, END)
    assert status == "✓ read_file a.txt · 3 lines\n"


def test_an_answer_that_is_asked_about_once_more_stands_apart_from_the_next() -> None:
    again = (
        events.Saved("1", "user"),
        events.Text("Saved."),
        events.Saved("2", "assistant"),
        events.Saved("3", "user"),
    )
    answer, _ = shown(*again, events.Text("It is not saved."), events.Saved("4", "assistant"), quiet=True)
    assert answer.split("\n") == ["Saved.", "It is not saved."]
