"""Streaming Markdown: text appears as it arrives, and each block is set properly as soon as it is whole.

Only the block that is still arriving is ever replaced on the screen, and only while it fits there; so nothing that has scrolled
away is drawn again, and a resize redraws nothing.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, TextIO

from ..base.text import printable

if TYPE_CHECKING:
    from rich.console import Console

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class BlockSplitter:
    """Cuts a stream of Markdown into whole blocks: a fenced block to its closing fence, all else to the next blank line."""

    def __init__(self) -> None:
        self._line = ""
        self._block: list[str] = []
        self._fence = ""

    @property
    def open_text(self) -> str:
        """The block that is not whole yet."""
        return "".join(self._block) + self._line

    def feed(self, text: str) -> list[str]:
        """Add text; gives the blocks that became whole."""
        done = []
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            block = self._take(line + "\n")
            if block:
                done.append(block)
        return done

    def finish(self) -> str:
        """No more comes: the rest, whatever it is."""
        rest = self.open_text
        self._line, self._block, self._fence = "", [], ""
        return rest

    def _take(self, line: str) -> str:
        fence = FENCE.match(line)
        if self._fence:
            self._block.append(line)
            closes = (
                fence
                and fence[1][0] == self._fence[0]
                and len(fence[1]) >= len(self._fence)
                and not line.strip().strip(self._fence[0])
            )
            if not closes:
                return ""
            self._fence = ""
        elif fence:
            self._fence = fence[1]
            self._block.append(line)
            return ""
        elif line.strip():
            self._block.append(line)
            return ""
        block, self._block = "".join(self._block), []
        return block if block.strip() else ""


class MarkdownStream:
    """Writes streaming Markdown to a terminal whose cursor can be moved."""

    def __init__(self, out: TextIO, colour: bool) -> None:
        self._out = out
        self._colour = colour
        self._splitter = BlockSplitter()
        self._shown = ""
        self._console: Console | None = None

    def feed(self, text: str) -> None:
        """Show the next piece."""
        blocks = self._splitter.feed(printable(text))
        if blocks and self._shown:
            if self._fits():
                self._erase()
            else:  # part of it has scrolled away: it stays as it was written, and is only ended
                self._out.write(blocks.pop(0)[len(self._shown) :] + "\n")
            self._shown = ""
        for block in blocks:
            self._render(block)
        # What is on the screen is always a beginning of the open block.
        self._out.write(self._splitter.open_text[len(self._shown) :])
        self._shown = self._splitter.open_text
        self._out.flush()

    def finish(self) -> None:
        """The answer is whole: set its last block."""
        rest = self._splitter.finish()
        if self._shown and not self._fits():
            self._out.write("\n")
        elif rest.strip():
            self._erase()
            self._render(rest)
        self._shown = ""
        self._out.flush()

    def _fits(self) -> bool:
        size = shutil.get_terminal_size()
        return _rows(self._shown, size.columns) < size.lines

    def _erase(self) -> None:
        height = _rows(self._shown, shutil.get_terminal_size().columns)
        self._out.write(f"\x1b[{height - 1}A\r\x1b[J" if height > 1 else "\r\x1b[J")

    def _render(self, block: str) -> None:
        from rich.markdown import Markdown

        console = self._terminal()
        console.print(Markdown(block, code_theme="ansi_dark", hyperlinks=self._colour))
        console.print()

    def _terminal(self) -> Console:
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=self._out, force_terminal=True, no_color=not self._colour, highlight=False)
        return self._console


def _rows(text: str, width: int) -> int:
    """How many rows a text takes on a terminal."""
    from rich.cells import cell_len

    return sum(max(1, -(-cell_len(line.expandtabs(8)) // max(1, width))) for line in text.split("\n"))
