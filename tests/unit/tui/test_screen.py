"""What is written to a terminal to replace its last lines: checked on a small terminal that understands just these codes."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st

from alpi.tui.blocks import BlockSplitter
from alpi.tui.markdown import MarkdownStream
from alpi.tui.screen import Screen, cut, line_rows

WIDTH, HEIGHT = 20, 10


class Paper(io.StringIO):
    """A terminal of one-cell characters that scrolls; ``text`` is all that was ever on it."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[str] = [""]
        self.row = 0
        self.column = 0

    def write(self, text: str) -> int:
        for code, character in re.findall(r"(\x1b\[[0-9]*[A-Za-z])|(.)", text, re.DOTALL):
            self._code(code) if code else self._character(character)
        return len(text)

    def _code(self, code: str) -> None:
        if code[-1] == "A":
            self.row = max(self.row - int(code[2:-1]), max(0, len(self.rows) - HEIGHT))
        elif code[-1] == "J":
            self.rows[self.row] = self.rows[self.row][: self.column]
            del self.rows[self.row + 1 :]

    def _character(self, character: str) -> None:
        if character == "\r":
            self.column = 0
            return
        if character == "\n" or self.column == WIDTH:
            self.row, self.column = self.row + 1, 0
            if self.row == len(self.rows):
                self.rows.append("")
        if character != "\n":
            line = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows)


class SmallScreen(Screen):
    """A screen of a fixed size."""

    @property
    def size(self) -> tuple[int, int]:
        return WIDTH, HEIGHT


def tail(*texts: str) -> list[tuple[str, str, str]]:
    return [("", text, "") for text in texts]


def test_the_tail_stands_below_the_text_and_goes_away() -> None:
    paper = Paper()
    screen = SmallScreen(paper)
    screen.write("some text that is longer than a row")
    screen.set_tail(tail("running", "typing"))
    assert paper.text == "some text that is lo\nnger than a row\nrunning\ntyping"
    screen.write(" and on\n")
    screen.lay()
    assert paper.text == "some text that is lo\nnger than a row and\non\nrunning\ntyping"
    screen.set_tail([])
    assert paper.text == "some text that is lo\nnger than a row and\non\n"


@given(st.lists(st.tuples(st.text("ab \n", max_size=30), st.lists(st.text("t", min_size=1, max_size=19), max_size=3))))
def test_with_or_without_a_tail_the_text_is_the_same(steps: list[tuple[str, list[str]]]) -> None:
    plain, paper = Paper(), Paper()
    screen = SmallScreen(paper)
    for text, lines in steps:
        plain.write(text)
        screen.write(text)
        screen.set_tail(tail(*lines))
    screen.set_tail([])
    assert paper.text == plain.text


@given(
    text=st.lists(
        st.sampled_from(["word ", "mark ", "\n", "\n\n", "- item\n", "```\n", "code\n", "**b** "]), max_size=60
    ).map("".join),
    sizes=st.lists(st.integers(1, 9), min_size=1),
)
def test_however_text_arrives_the_same_stands_there_in_the_end(text: str, sizes: list[int]) -> None:
    """Only where a block outgrew the screen may it stand as it was written; such texts are left out here. Code does not, unless it is
    little but empty lines."""
    if "\n\n\n" in text:
        return
    splitter = BlockSplitter()
    blocks = [*splitter.feed(text), splitter.finish()]
    written = [block.written for block in blocks if block is not None and not block.written.startswith("```")]
    if any(sum(line_rows(line, WIDTH) for line in text.split("\n")) >= HEIGHT - 1 for text in written):
        return
    whole, paper = Paper(), Paper()
    stream = MarkdownStream(SmallScreen(whole), colour=False)
    stream.feed(text)
    stream.finish()
    stream = MarkdownStream(SmallScreen(paper), colour=False)
    place = 0
    while place < len(text):
        size = sizes[place % len(sizes)]
        stream.feed(text[place : place + size])
        place += size
    stream.finish()
    assert paper.text == whole.text


def test_rows_of_wide_characters() -> None:
    assert line_rows("", 10) == 1
    assert line_rows("a" * 20, 10) == 2
    assert line_rows("字" * 5, 10) == 1
    assert line_rows("a" + "字" * 5, 10) == 2
    assert line_rows("字" * 20, 11) == 4  # five in each row: the last cell stays free


def test_cut() -> None:
    assert cut("a b\n c", 10) == "a b c"
    assert cut("abcdefgh", 5) == "abcd…"
    assert cut("abcdefgh", 5, keep_end=True) == "…efgh"
    assert cut("字字字字", 5) == "字字…"
