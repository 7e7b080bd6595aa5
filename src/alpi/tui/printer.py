"""Printing the events of a turn: on a terminal as set Markdown or as plain lines, into a pipe as the bare answer, or as JSON lines."""

from __future__ import annotations

import sys
from typing import Protocol, TextIO

import msgspec

from ..agent import events
from ..base.text import one_line, printable
from .terminal import Style


class AnswerWriter(Protocol):
    """Where an answer's text goes."""

    def feed(self, text: str) -> None: ...

    def finish(self) -> None: ...


class PlainWriter:
    """Text as it comes, without ever moving the cursor: for pipes, screen readers and simple terminals."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._ends_line = True

    def feed(self, text: str) -> None:
        text = printable(text)
        if text:
            self._out.write(text)
            self._out.flush()
            self._ends_line = text.endswith("\n")

    def finish(self) -> None:
        if not self._ends_line:
            self._out.write("\n")
            self._out.flush()
        self._ends_line = True


class Printer:
    """Prints events: the answer to ``writer``, all else, a line each, to ``status``.

    ``quiet`` leaves out what goes well (for pipes): tools, thinking, progress.
    """

    def __init__(self, writer: AnswerWriter, status: TextIO, style: Style, quiet: bool = False) -> None:
        self._writer = writer
        self._status = status
        self._style = style
        self._quiet = quiet
        self._hints: dict[str, str] = {}
        self._preparing = ""
        self._thinking = False
        self._movable = bool(style.off)

    def show(self, event: events.Event) -> None:
        """Print one event."""
        if isinstance(event, events.Preparing):
            self._prepare(event)
            return
        self._end_preparing()
        if isinstance(event, events.Text):
            self._thinking = False
            self._writer.feed(event.text)
        elif isinstance(event, events.Thinking):
            self._think()
        elif isinstance(event, events.ToolStarted):
            self._hints[event.call] = event.hint
        elif isinstance(event, events.ToolFinished):
            self._tool(event)
        elif isinstance(event, events.Retrying):
            then = f"trying {event.next_model}" if event.next_model else f"trying again in {event.wait_seconds:.0f} s"
            self._line(self._style.yellow, f"! {event.message}; {then}")
        elif isinstance(event, events.Notice):
            self._line(self._style.yellow, f"! {event.text}")
        elif isinstance(event, events.Queued) and not self._quiet:
            self._line(self._style.dim, "(waits for the turn that is running)")
        elif isinstance(event, events.Failed):
            self._fail(event)
        elif isinstance(event, events.TurnEnded):
            self._end(event)

    def _tool(self, event: events.ToolFinished) -> None:
        hint = self._hints.pop(event.call, "")
        if self._quiet and not event.refused:
            return
        mark, style = (
            ("·", self._style.dim) if event.ok else ("✗", self._style.red if event.refused else self._style.yellow)
        )
        shown = event.summary or ("done" if event.ok else "failed")
        self._line(style, f"{mark} {event.name} {one_line(hint, 80)} -> {one_line(shown, 100)}")
        if event.refused:
            self._line(style, f"  {one_line(event.output, 300)}")

    def _think(self) -> None:
        if not self._thinking and not self._quiet:
            self._line(self._style.dim, "· thinking …")
        self._thinking = True

    def _prepare(self, event: events.Preparing) -> None:
        if self._quiet and not self._movable:
            return
        share = "" if event.share is None else f" {event.share:.0%}"
        text = f"· {event.what}{share}"
        if self._movable:
            self._status.write(f"\r\x1b[K{self._style.paint(self._style.dim, text)}")
            self._status.flush()
        elif event.what != self._preparing:
            self._line(self._style.dim, text)
        self._preparing = event.what

    def _end_preparing(self) -> None:
        if self._preparing and self._movable:
            self._status.write("\r\x1b[K")
            self._status.flush()
        self._preparing = ""

    def _fail(self, event: events.Failed) -> None:
        self._line(self._style.red, f"alpi: {event.message}")
        if event.hint:
            self._line("", f"  {event.hint}")
        if event.detail:
            self._line(self._style.dim, f"  it said: {one_line(event.detail, 300)}")

    def _end(self, event: events.TurnEnded) -> None:
        self._writer.finish()
        notes = {
            "interrupted": "(stopped; what was said so far is kept)",
            "length": "(the answer was cut off at the model's limit; ask it to go on)",
            "limit": '(stopped at the limit of steps; say "go on" to continue)',
            "refusal": "(the model declined to answer)",
        }
        if event.stop in notes:
            self._line(self._style.yellow, notes[event.stop])

    def _line(self, style: str, text: str) -> None:
        self._writer.finish()
        sys.stdout.flush()
        self._status.write(f"{self._style.paint(style, text)}\n")
        self._status.flush()


class JsonPrinter:
    """Each event as one JSON object a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, event: events.Event) -> None:
        """Print one event."""
        self._out.write(msgspec.json.encode(event).decode() + "\n")
        self._out.flush()
