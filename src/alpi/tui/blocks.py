"""Cuts a stream of Markdown into blocks, so that each can be set as soon as it is whole. Knows nothing of terminals."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The characters after an opening fence may not contain the fence's own: then it is code within a line.
FENCE = re.compile(r"(\s*)(`{3,}(?=[^`]*$)|~{3,})")
ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])\s")
# What may stand right below a paragraph and still begin a list.
FIRST_ITEM = re.compile(r" {0,3}(?:[-*+]|1[.)])\s+\S")
HEADING = re.compile(r" {0,3}#{1,6}\s")


@dataclass(frozen=True, slots=True)
class Block:
    """A whole piece of Markdown: a paragraph, a table, one item of a list, a fenced block.

    ``spaced``: an empty line stood before it. ``indent``: how far it was indented below a list's item; ``text`` is without that.
    """

    text: str
    spaced: bool = True
    indent: int = 0

    @property
    def written(self) -> str:
        """The block as it arrived."""
        margin = " " * self.indent
        return "".join(margin + line if line.strip() else line for line in self.text.splitlines(keepends=True))


class BlockSplitter:
    """Cuts text that arrives piece by piece: a fenced block at its closing fence, a list at its items, all else at empty lines."""

    def __init__(self) -> None:
        self._line = ""
        self._lines: list[str] = []
        self._fence = ""
        self._opening = ""
        self._spaced = True
        self._in_list = False

    @property
    def open_text(self) -> str:
        """The block that is not whole yet."""
        return "".join(self._lines) + self._line

    @property
    def spaced(self) -> bool:
        """Whether an empty line stood before the block that is not whole yet."""
        return self._spaced

    def feed(self, text: str) -> list[Block]:
        """Add text; gives the blocks that became whole."""
        done: list[Block] = []
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._take(line + "\n", done)
        return done

    def cut(self) -> Block | None:
        """The whole lines of code that is still arriving, as a block of their own; the code goes on in the next one."""
        if not self._fence or self._lines[0] != self._opening:
            return None
        # Empty lines stand at the beginning of a part and never at its end, where nobody could tell them from the end of the code.
        count = max(place for place, line in enumerate(self._lines, 1) if line.strip())
        if count < 2:
            return None
        block = self._block([*self._lines[:count], f"{self._fence}\n"])
        self._lines, self._spaced = [self._opening, *self._lines[count:]], False
        return block

    def finish(self) -> Block | None:
        """No more comes: the rest, whatever it is."""
        if self._line:
            self._lines.append(self._line)
        block = self._block(self._lines) if "".join(self._lines).strip() else None
        self._line, self._lines, self._fence, self._spaced, self._in_list = "", [], "", True, False
        return block

    def _take(self, line: str, done: list[Block]) -> None:
        fence = FENCE.match(line)
        if self._fence:
            self._lines.append(line)
            rest = line.strip()
            if rest.startswith(self._fence) and not rest.strip(self._fence[0]):
                self._fence = ""
                self._end(done, spaced=True)
        elif not line.strip():
            self._end(done, spaced=True)
        elif fence and (len(fence[1]) <= 3 or self._in_list or self._is_item()):
            if not self._is_item():
                self._end(done, spaced=True)
            self._fence, self._opening = fence[2], line
            self._lines.append(line)
        else:
            if (ITEM if self._is_item() else FIRST_ITEM).match(line):
                self._end(done, spaced=False)
            self._lines.append(line)
            if HEADING.match(line):
                self._end(done, spaced=False)

    def _is_item(self) -> bool:
        return bool(self._lines) and ITEM.match(self._lines[0]) is not None

    def _end(self, done: list[Block], spaced: bool) -> None:
        """The open block is whole. ``spaced``: what comes next is set apart from it."""
        if self._lines:
            done.append(self._block(self._lines))
            self._spaced = False
        self._spaced = self._spaced or spaced
        self._lines = []

    def _block(self, lines: list[str]) -> Block:
        filled = [line for line in lines if line.strip()]
        indent = min(len(line) - len(line.lstrip()) for line in filled)
        below = self._in_list and indent >= 2
        self._in_list = below or ITEM.match(filled[0]) is not None
        if not below:
            return Block("".join(lines), self._spaced)
        return Block("".join(line[indent:] if line.strip() else line for line in lines), self._spaced, indent)
