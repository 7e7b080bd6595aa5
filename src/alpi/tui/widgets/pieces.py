"""What the transcript is made of: pieces that set themselves as lines of a given width. They know nothing of the screen around them.

Text of a model, a tool or a file is cleaned here (``base.text``) before it becomes a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from ...base.text import escaped, one_line, printable

if TYPE_CHECKING:
    from ..blocks import Block
    from ..look import Look

TAB = "    "
# How much of a change a closed card shows.
CLOSED_DIFF_LINES = 12
# Prose is easiest to read in lines no longer than this; code and tables take all the width there is.
PROSE_WIDTH = 110
PROGRESS_KEPT = 8_000
OPEN_PROGRESS_LINES = 20
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

# Code, and tables.
WIDE = re.compile(r"^\s*(?:```|~~~|\|)|^ {4}|^[^\n]*\|[^\n]*\n[ |:-]*-[ |:-]*$", re.MULTILINE)

State = Literal["running", "ok", "failed", "refused", "unknown"]


class Piece:
    """One piece. ``gap``: empty lines above it. ``foldable``: it can be opened and closed. ``moving``: it looks different each moment."""

    gap = 1
    foldable = False
    moving = False
    is_open = False

    def lines(self, width: int, look: Look) -> list[Strip]:
        """The piece as lines, each at most ``width`` cells wide."""
        raise NotImplementedError

    def tick(self, now: float) -> None:
        """Time goes by; ``now`` in seconds of a clock that never goes back."""

    def guess(self, width: int) -> int:
        """About how many lines it will be; for pieces that are out of sight."""
        return 1


def folded(text: str, width: int) -> Iterator[str]:
    """Text as lines of at most ``width`` cells, broken between words where that is possible."""
    for line in text.split("\n"):
        if len(line) <= width and line.isascii():
            yield line
            continue
        rest = line
        while cell_len(rest) > width:
            cut = _cut(rest, width)
            space = rest.rfind(" ", 1, cut + 1)
            place = space if space > cut // 2 else cut
            yield rest[:place].rstrip() if place == space else rest[:place]
            rest = rest[place:].lstrip(" ") if place == space else rest[place:]
        yield rest


def _cut(text: str, width: int) -> int:
    """How many characters of a text fit into ``width`` cells; one at least."""
    if text.isascii():
        return max(1, width)
    used = 0
    for place, character in enumerate(text):
        used += cell_len(character)
        if used > width:
            return max(1, place)
    return len(text)


def fitted(text: str, width: int) -> str:
    """Text on one line of ``width`` cells, with ``…`` where something was left out."""
    if cell_len(text) <= width:
        return text
    return text[: _cut(text, max(1, width - 1))] + "…" if width > 1 else "…"


def line(*parts: tuple[str, Style]) -> Strip:
    """A line of parts, each with its style."""
    return Strip([Segment(text, style) for text, style in parts if text])


def filled(strip: Strip, width: int, style: Style) -> Strip:
    """A line that goes on in ``style`` up to ``width``."""
    return strip.extend_cell_length(width, style)


def marked(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """A line in which the characters from ``start`` to ``end`` (-1: all that follow) have a style above their own."""
    length = len(strip.text)
    end = length if end < 0 else min(end, length)
    if start >= end:
        return strip
    parts: list[Segment] = []
    place = 0
    for text, own, _ in strip:
        cuts = sorted({0, len(text), *(cut - place for cut in (start, end) if 0 < cut - place < len(text))})
        for left, right in pairwise(cuts):
            inside = start <= place + left < end
            parts.append(Segment(text[left:right], (own or Style()) + style if inside else own))
        place += len(text)
    return Strip(parts, strip.cell_length)


class SetText(Piece):
    """A block of Markdown. While it is still arriving, ``replace`` gives it what is there now."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self.gap = int(block.spaced)

    def replace(self, block: Block) -> None:
        self._block = block
        self.gap = int(block.spaced)

    def lines(self, width: int, look: Look) -> list[Strip]:
        from .setting import set_lines

        return set_lines(self._block, width if WIDE.search(self._block.text) else min(width, PROSE_WIDTH), look)

    def guess(self, width: int) -> int:
        text = self._block.text
        return text.count("\n") + len(text) // max(20, width)


class Plain(Piece):
    """Text as it is, in one style and folded; ``mark`` stands before its first line."""

    def __init__(self, text: str, style: str = "text", mark: str = "", gap: int = 1) -> None:
        self._text = printable(text).replace("\t", TAB).strip("\n")
        self._style = style
        self._mark = mark
        self.gap = gap

    def lines(self, width: int, look: Look) -> list[Strip]:
        style: Style = getattr(look, self._style)
        margin = cell_len(self._mark)
        shown = []
        for number, text in enumerate(folded(self._text, max(8, min(width - margin, PROSE_WIDTH)))):
            shown.append(line((" " * margin if number else self._mark, style), (text, style)))
        return shown

    def guess(self, width: int) -> int:
        return self._text.count("\n") + 1 + len(self._text) // max(20, width)


class Said(Piece):
    """What the person said, with the names of what came with it."""

    def __init__(self, text: str, attached: Sequence[str] = ()) -> None:
        self._text = printable(text).replace("\t", TAB).strip("\n")
        self._attached = tuple(one_line(name, 60) for name in attached)

    def lines(self, width: int, look: Look) -> list[Strip]:
        room = max(8, min(width - 3, PROSE_WIDTH))
        texts = list(folded(self._text, room)) if self._text else []
        if self._attached:
            texts += folded("  ".join(f"▣ {name}" for name in self._attached), room)
        return [filled(line(("▌ ", look.said_mark), (text, look.said)), width, look.said) for text in texts or [""]]

    def guess(self, width: int) -> int:
        return self._text.count("\n") + 1 + len(self._text) // max(20, width - 4)


class Thought(Piece):
    """A stretch of reasoning, folded to one line until it is opened."""

    foldable = True

    def __init__(self, text: str = "", live: bool = False) -> None:
        self._text = text
        self._live = live
        self.seconds = 0.0

    def add(self, text: str) -> None:
        self._text += text

    def end(self, seconds: float) -> None:
        self._live, self.seconds = False, seconds

    def lines(self, width: int, look: Look) -> list[Strip]:
        what = "thinking …" if self._live else "thought"
        if not self._live and self.seconds >= 1:
            what += f" for {spell_seconds(self.seconds)}"
        shown = [line(("▾ " if self.is_open else "▸ ", look.faint), (what, look.faint))]
        if self.is_open:
            text = printable(self._text).replace("\t", TAB).strip()
            shown += [
                line(("  ", look.thought), (part, look.thought))
                for part in folded(text, max(8, min(width - 2, PROSE_WIDTH)))
            ]
        return shown


class Card(Piece):
    """A tool call: what it is about, how it goes, how it ended; opened, everything it gave back."""

    foldable = True

    def __init__(self, call: str, name: str, hint: str, state: State = "running", started: float = 0.0) -> None:
        self.call = call
        self.state = state
        self.name = one_line(name, 40)
        self._hint = one_line(hint, 400)
        self._started = started
        self._seconds = 0.0
        self._summary = ""
        self._output = ""
        self._diff = ""
        self._progress = ""
        self._frame = 0

    @property
    def moving(self) -> bool:  # type: ignore[override]
        return self.state == "running"

    def tick(self, now: float) -> None:
        """Time goes by while it runs."""
        self._seconds = max(0.0, now - self._started)
        self._frame += 1

    def progress(self, text: str) -> None:
        self._progress = (self._progress + printable(text))[-PROGRESS_KEPT:]

    def finish(self, state: State, summary: str, output: str, diff: str = "", seconds: float = 0.0) -> None:
        self.state, self._summary, self._seconds = state, one_line(summary, 300), seconds
        self._output, self._diff, self._progress = output, diff, ""

    def lines(self, width: int, look: Look) -> list[Strip]:
        shown = [self._head(width, look)]
        if self.state == "running":
            tail = self._progress.rstrip("\n").split("\n")[-(OPEN_PROGRESS_LINES if self.is_open else 1) :]
            if tail != [""]:
                shown += self._barred(("\n".join(tail)).replace("\t", TAB), width, look, cut=not self.is_open)
            return shown
        if self._diff:
            shown += diff_strips(self._diff, width, look, 0 if self.is_open else CLOSED_DIFF_LINES)
        if self.is_open:
            shown += self._barred(printable(self._output).replace("\t", TAB).strip("\n") or "(nothing)", width, look)
        elif self.state == "refused" and self._output:
            shown += self._barred(one_line(self._output, 400), width, look)
        return shown

    def _head(self, width: int, look: Look) -> Strip:
        mark, style = {
            "running": (SPINNER[self._frame % len(SPINNER)], look.accent),
            "ok": ("✓", look.good),
            "failed": ("✗", look.warn),
            "refused": ("✗", look.bad),
            "unknown": ("·", look.faint),
        }[self.state]
        if self.state == "running":
            end = spell_seconds(self._seconds) if self._seconds >= 1 else ""
        else:
            end = self._summary or ("" if self.state in ("ok", "unknown") else self.state)
            if self._seconds >= 1:
                end = f"{end} · {spell_seconds(self._seconds)}" if end else spell_seconds(self._seconds)
        room = width - 2 - cell_len(self.name) - 2
        end = fitted(end, max(12, room // 2)) if cell_len(self._hint) + cell_len(end) + 2 > room else end
        hint = fitted(self._hint, max(4, room - cell_len(end) - 2)) if self._hint else ""
        left = room - cell_len(hint) - (2 if hint else 0)
        end = fitted(end, left) if left >= 4 else ""
        end_style = look.faint if self.state in ("ok", "running", "unknown") else style
        parts = [(f"{mark} ", style), (self.name, look.bold), (f"  {hint}" if hint else "", look.muted)]
        return line(*parts, (f"  {end}" if end else "", end_style)).crop(0, width)

    def _barred(self, text: str, width: int, look: Look, cut: bool = False) -> list[Strip]:
        room = max(8, width - 4)
        texts = (fitted(part, room) for part in text.split("\n")) if cut else folded(text, room)
        return [line(("  │ ", look.faint), (part, look.muted)) for part in texts]


def diff_strips(diff: str, width: int, look: Look, most: int) -> list[Strip]:
    """A unified diff without its head, hidden characters shown for what they are; at most ``most`` lines (0: all) and one that counts
    the rest. What goes stands on red ground, what comes on green."""
    shown: list[Strip] = []
    lines = diff.split("\n")[2:]
    while lines and not lines[-1]:
        lines.pop()
    room = max(8, width - 4)
    for number, text in enumerate(lines):
        if most and len(shown) >= most and len(lines) - number > 1:
            shown.append(line((fitted(f"    … {len(lines) - number} more lines", width), look.faint)))
            break
        if text.startswith("@@"):
            if shown:
                shown.append(line(("    …", look.faint)))
            continue
        style = {"+": look.added, "-": look.removed}.get(text[:1], look.muted)
        content = escaped(text[1:].replace("\t", TAB))
        for place, part in enumerate(folded(content, room - 2)):
            mark = text[:1] if place == 0 and text[:1] in "+-" else " "
            strip = line((f"{mark} {part}", style))
            if text[:1] in ("+", "-"):
                strip = filled(strip, room, style)
            shown.append(Strip([Segment("    "), *strip]))
    return shown


class Note(Piece):
    """A word of alpi's own: something to know, a failure, the end of a turn. ``hint`` stands below it."""

    def __init__(self, text: str, style: str = "faint", mark: str = "", hint: str = "", gap: int = 1) -> None:
        self._main = Plain(text, style, mark, gap)
        self._hint = Plain(hint, "muted", " " * cell_len(mark)) if hint else None
        self.gap = gap

    def lines(self, width: int, look: Look) -> list[Strip]:
        shown = self._main.lines(width, look)
        return shown + (self._hint.lines(width, look) if self._hint else [])


def spell_seconds(seconds: float) -> str:
    """A time as a person says it: ``0.4 s``, ``12 s``, ``3 min 5 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
