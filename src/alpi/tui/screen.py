"""The end of a terminal's output, which can still be replaced: the block that is arriving, and below it the tail."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TextIO

from ..base.text import one_line

MOST_TAIL_LINES = 4
# While a window is being dragged, a terminal may not yet have drawn what was written for an earlier size.
STEADY_SECONDS = 0.5


class Screen:
    """A terminal whose cursor can be moved.

    The tail is what stands below the text for now: what is running, what is being typed. It is lifted before anything is written, and
    laid down again afterwards. Nothing that has scrolled away is ever written again.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._line = ""
        self._tail: list[tuple[str, str, str]] = []
        self._laid = ""
        self._laid_at = (0, 0)
        self._size = (0, 0)
        self._steady_from = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, now."""
        try:
            found = os.get_terminal_size(self._out.fileno())
        except (OSError, ValueError):
            return 80, 24
        size = found.columns or 80, found.lines or 24
        if size != self._size:
            self._steady_from = time.monotonic() + STEADY_SECONDS if self._size[0] else 0.0
            self._size = size
        return size

    def steady(self, since: tuple[int, int]) -> bool:
        """Whether the size is what it was, and has not just changed: only then is it known where the terminal has put a text."""
        return self.size == since and time.monotonic() >= self._steady_from

    @property
    def width(self) -> int:
        return self.size[0]

    def write(self, text: str) -> None:
        """Write on, at the cursor."""
        self.lift()
        self._out.write(text)
        self._line = (self._line + text).rpartition("\n")[2]

    def flush(self) -> None:
        self._out.flush()

    def fits(self, text: str) -> bool:
        """Whether a text that ends at the cursor is still on the screen from its beginning."""
        return self.rows(text) < self.size[1]

    def erase(self, text: str) -> None:
        """Take back a text that ends at the cursor and began at the left edge. It must fit."""
        self.lift()
        self._out.write(back_over(self.rows(text)))
        self._line = ""

    def rows(self, text: str) -> int:
        """How many rows a text takes."""
        width = self.width
        return sum(line_rows(line, width) for line in text.split("\n"))

    def set_tail(self, lines: Sequence[tuple[str, str, str]]) -> None:
        """What stands below the text from now on: lines of one row each, as (code before, text, code after)."""
        self.lift()
        self._tail = list(lines)[-MOST_TAIL_LINES:]
        self.lay()

    def lift(self) -> None:
        """Take the tail away; the cursor is where the text ends."""
        if self._laid and self.steady(self._laid_at):
            self._out.write(back_over(self.rows(self._laid)) + self._line)
        elif self._laid:
            # A line of the tail takes one row at least: so much can be taken back without harm. The text goes on in a line of its own.
            self._out.write(back_over(self._laid.count("\n") + (0 if self._line else 1)))
            self._line = ""
        self._laid = ""

    def lay(self) -> None:
        """Put the tail down again."""
        if self._tail and not self._laid and self.steady(self.size):
            above = f"{self._line}\n" if self._line else ""
            laid = above + "\n".join(text for _, text, _ in self._tail)
            if self.fits(laid):
                self._out.write(above[-1:] + "\n".join("".join(line) for line in self._tail))
                self._laid, self._laid_at = laid, self.size
        self._out.flush()


def back_over(rows: int) -> str:
    """The code that takes back so many rows, of which the cursor is in the last."""
    return f"\x1b[{rows - 1}A\r\x1b[J" if rows > 1 else "\r\x1b[J"


def line_rows(line: str, width: int) -> int:
    """How many rows one line takes on a terminal of this width. A wide character that does not fit into a row goes to the next."""
    if line.isascii():
        return max(1, -(-len(line) // width))
    from rich.cells import chop_cells

    return max(1, len(chop_cells(line, width)))


def cut(text: str, width: int, keep_end: bool = False) -> str:
    """Text on one row of a terminal; where it is too long its end, or its beginning, is left out."""
    text = one_line(text, 5000)
    if len(text) <= width and text.isascii():
        return text
    from rich.cells import cell_len

    if cell_len(text) <= width:
        return text
    while text and cell_len(text) > width - 1:
        text = text[1:] if keep_end else text[:-1]
    return f"…{text}" if keep_end else f"{text}…"
