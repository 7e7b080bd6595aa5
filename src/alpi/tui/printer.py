"""Printing the events of a turn: on a terminal as set Markdown or as plain lines, into a pipe as the bare answer, or as JSON lines."""

from __future__ import annotations

import sys
from typing import Protocol, TextIO

from ..agent import events
from ..base.text import one_line, printable
from .diffs import diff_lines
from .screen import Screen, cut
from .terminal import Style, hanging, json_line

MOST_DIFF_LINES = 8
# Where there is no screen, lines are not fitted to one.
WIDE = 160


class AnswerWriter(Protocol):
    """Where an answer's text goes. ``finish`` leaves the cursor at the beginning of a line."""

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


class _Running:
    """A tool at work: what it is about, and the newest line that it has shown."""

    def __init__(self, name: str, hint: str) -> None:
        self.name = name
        self.hint = hint
        self.newest = ""

    def lines(self) -> list[tuple[str, str]]:
        """What the screen's tail shows of it, each line as (margin, text)."""
        first = ("· ", f"{self.name} {self.hint}".rstrip() + " …")
        return [first, ("    ", self.newest)] if self.newest else [first]


class Printer:
    """Prints events: the answer to ``writer``, all else, a line each, to ``status``.

    Args:
        writer: where the answer goes.
        status: where everything else goes.
        style: how that looks.
        quiet: leave out what goes well (for pipes): tools, thinking, progress.
        screen: the terminal, where its cursor can be moved: then its last lines show what is running and what is being typed.
        spaced: begin with an empty line.
    """

    def __init__(
        self,
        writer: AnswerWriter,
        status: TextIO,
        style: Style,
        quiet: bool = False,
        screen: Screen | None = None,
        spaced: bool = False,
    ) -> None:
        self._writer = writer
        self._status = status
        self._style = style
        self._quiet = quiet
        self._screen = screen
        self._last = "prompt" if spaced else ""
        self._running: dict[str, _Running] = {}
        self._now = ""
        self._typed: list[tuple[str, str, str]] = []
        self._held: list[events.Event] | None = None
        self._asked = False
        self._ended = False

    def show(self, event: events.Event) -> None:
        """Print one event; while paused it is kept until ``resume``."""
        if self._held is not None:
            self._held.append(event)
            return
        if self._screen is not None:
            self._screen.lift()
        self._print(event)
        self._lay()

    def typing(self, text: str, lines: list[str]) -> None:
        """What a person is typing meanwhile, and which lines wait for their turn."""
        if self._screen is None or self._ended:
            return
        room = self._screen.width - 3
        self._typed = [(self._style.dim, f"> {cut(line, room - 8)} (waits)", self._style.off) for line in lines]
        if text:
            self._typed.append(("", f"> {cut(text, room, keep_end=True)}", ""))
        if self._held is None:
            self._lay()

    def pause(self) -> None:
        """A question comes: end the line, and print nothing until ``resume``."""
        if self._screen is not None:
            self._screen.set_tail([])
        self._set_apart("question")
        self._held = []
        self._asked = True

    def resume(self) -> None:
        """The question is answered: print what has happened meanwhile."""
        held, self._held = self._held or [], None
        self._last = "line"
        for event in held:
            self.show(event)

    def _lay(self) -> None:
        if self._screen is None:
            return
        now = [("· ", self._now)] if self._now else []
        room = self._screen.width - 1
        tail = [
            (self._style.dim, margin + cut(text, room - len(margin)), self._style.off)
            for margin, text in [line for tool in self._running.values() for line in tool.lines()] or now
        ]
        self._screen.set_tail([*tail, *self._typed])

    def _print(self, event: events.Event) -> None:
        if isinstance(event, events.Text):
            self._now = ""
            self._say(event.text)
        elif isinstance(event, events.Thinking):
            self._doing("thinking …")
        elif isinstance(event, events.Preparing):
            share = "" if event.share is None or self._screen is None else f" {event.share:.0%}"
            self._doing(f"{event.what}{share}")
        elif isinstance(event, events.ToolStarted):
            self._now = ""
            self._running[event.call] = _Running(event.name, one_line(event.hint, 100))
        elif isinstance(event, events.ToolProgress):
            if event.call in self._running:
                self._running[event.call].newest = event.text.strip().rpartition("\n")[2]
        elif isinstance(event, events.ToolFinished):
            self._tool(event)
        elif isinstance(event, events.Saved):
            # alpi asks the model once more about its answer: what comes now is another one.
            if event.role == "user" and self._last == "answer":
                self._writer.finish()
                self._last = "line"
        elif isinstance(event, events.Retrying):
            then = f"trying {event.next_model}" if event.next_model else f"trying again in {event.wait_seconds:.0f} s"
            self._line(self._style.yellow, f"! {event.message}; {then}")
        elif isinstance(event, events.Notice):
            self._line(self._style.yellow, f"! {event.text}")
        elif isinstance(event, events.NotDone):
            claims = ", ".join(one_line(claim, 60) for claim in event.claims)
            self._line(
                self._style.yellow, f"! not done: {claims} (the answer says so, but nothing in this turn did it)"
            )
        elif isinstance(event, events.Compacting):
            self._doing("summing up the older part of the conversation …")
        elif isinstance(event, events.Compacted):
            self._compacted(event)
        elif isinstance(event, events.Queued) and not self._quiet:
            self._line(self._style.dim, "(waits for the turn that is running)")
        elif isinstance(event, events.Failed):
            self._fail(event)
        elif isinstance(event, events.TurnEnded):
            self._end(event)

    def _say(self, text: str) -> None:
        if self._last != "answer":
            text = text.lstrip("\n")
            if not text:
                return
            self._set_apart("answer")
        self._writer.feed(text)

    def _doing(self, what: str) -> None:
        """Something takes its time: shown for as long as it does where lines can be replaced, else said once."""
        if what != self._now and not self._quiet and self._screen is None:
            self._line(self._style.dim, f"· {what}")
        self._now = what

    def _tool(self, event: events.ToolFinished) -> None:
        self._now = ""
        hint = self._running.pop(event.call, _Running(event.name, "")).hint
        asked, self._asked = self._asked, False
        if self._quiet and not event.refused:
            return
        style = self._style
        width = self._screen.width if self._screen else WIDE
        shown = one_line(event.summary, 200) or ("done" if event.ok else "failed")
        what = cut(f"{event.name} {hint}", max(20, width - min(len(shown), 30) - 6))
        if event.ok:
            end = cut(shown, max(10, width - len(what) - 6))
            self._put(f"{style.green}✓{style.off} {what}{style.dim} · {end}{style.off}")
        else:
            self._line(style.red if event.refused else style.yellow, f"✗ {what} · {shown}")
        if event.refused:
            for line in hanging("  ", 2, one_line(event.output, 400), width):
                self._line(style.dim, line)
        if event.diff and not asked:
            for line in diff_lines(event.diff, style, MOST_DIFF_LINES):
                self._put(f"    {line}")

    def _compacted(self, event: events.Compacted) -> None:
        self._now = ""
        if not self._quiet:
            what = f"{event.turns} older turns" if event.turns != 1 else "an older turn"
            what = what if event.turns else "the older part of this turn"
            self._line(self._style.dim, f"· {what} summed up: {event.before:,} tokens are {event.after:,} now")

    def _fail(self, event: events.Failed) -> None:
        self._line(self._style.red, f"alpi: {event.message}")
        if event.hint:
            self._line("", f"  {event.hint}")
        if event.detail:
            self._line(self._style.dim, f"  it said: {one_line(event.detail, 300)}")

    def _end(self, event: events.TurnEnded) -> None:
        self._now, self._typed, self._ended = "", [], True
        self._running.clear()
        self._writer.finish()
        notes = {
            "interrupted": "(stopped; what was said so far is kept)",
            "length": "(the answer was cut off at the model's limit; ask it to go on)",
            "limit": '(stopped at the limit of steps; say "go on" to continue)',
            "refusal": "(the model declined to answer)",
        }
        if event.stop in notes:
            self._line(self._style.yellow, notes[event.stop])
        used = used_line(event)
        if used and not self._quiet:
            self._line(self._style.dim, used)

    def _line(self, style: str, text: str) -> None:
        self._put(self._style.paint(style, text))

    def _put(self, line: str) -> None:
        """A line that has its codes already."""
        self._set_apart("line")
        self._status.write(f"{line}\n")
        self._status.flush()

    def _set_apart(self, kind: str) -> None:
        """End what stands there, with an empty line before something of another kind."""
        if kind == self._last == "answer":
            return
        self._writer.finish()
        sys.stdout.flush()
        if self._last not in ("", kind) and not self._quiet:
            self._status.write("\n")
            self._status.flush()
        self._last = kind


def used_line(event: events.TurnEnded) -> str:
    """What a turn has used, in one line: tokens in and how many of them the provider had in its cache, tokens out, and the price where
    it is known; ``""`` where nobody counted, and where it was free and nothing came from a cache."""
    usage = event.usage
    if not (usage.input or usage.output) or (event.cost_usd == 0 and not usage.cached):
        return ""
    cached = f" ({usage.cached / usage.input:.0%} cached)" if usage.cached and usage.input else ""
    price = "" if event.cost_usd is None else " · free" if not event.cost_usd else f" · ${event.cost_usd:.4f}"
    return f"{usage.input:,} tokens in{cached}, {usage.output:,} out{price}"


class JsonPrinter:
    """Each event as one JSON object a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, event: events.Event) -> None:
        """Print one event."""
        self._out.write(json_line(event, self._out) + "\n")
        self._out.flush()
