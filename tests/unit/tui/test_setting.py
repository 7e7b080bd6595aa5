"""Blocks of Markdown as lines of a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpi.tui.blocks import Block
from alpi.tui.setting import set_block


def lines(text: str, width: int = 40, indent: int = 0) -> list[str]:
    return set_block(Block(text, indent=indent), width, colour=False)


def test_nothing_that_was_written_is_left_out() -> None:
    assert lines("Use Vec<T> and <b>tags</b>, a<br>b") == ["Use Vec<T> and <b>tags</b>, a", "b"]
    assert lines("<div>\nkept\n</div>") == ["<div> kept </div>"]


def test_links_show_where_they_lead() -> None:
    assert lines("[here](https://a.example/x) or <https://b.example>", 80) == [
        "here (https://a.example/x) or https://b.example"
    ]
    assert lines("![a cat](cat.png)") == ["a cat (cat.png)"]


def test_code_keeps_its_lines_whatever_the_width() -> None:
    long = "x = " + "1 + " * 30 + "1"
    assert lines(f"```python\ndef f():\n    {long}\n\n    return x\n```\n") == [
        "  def f():",
        f"      {long}",
        "",
        "      return x",
    ]


def test_items_hang_below_their_text_and_keep_their_numbers() -> None:
    assert lines("7. a rather long item that goes on below", 24) == ["7. a rather long item", "   that goes on below"]
    assert lines("- one\n  - two") == ["• one", "  • two"]


def test_an_indented_block_stays_indented() -> None:
    assert lines("```\ncode\n```", indent=3) == ["     code"]


def test_lines_end_without_spaces() -> None:
    """A terminal that gets narrower would make two lines of each that is filled up."""
    text = "# Head\n\n- item\n\n```\ncode\n```\n\n> quote\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    for line in set_block(Block(text), 40, colour=True):
        plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
        assert plain == plain.rstrip(" ")


def test_without_colour_there_are_no_codes() -> None:
    assert "\x1b" not in "".join(lines("# Head\n\n**bold** `code`\n\n```python\nx = 1\n```"))


@pytest.mark.parametrize("width", [20, 40, 80])
@given(text=st.text("ab字 #-*`|>1.\n<&[](!", max_size=80))
def test_any_text_fits_and_has_no_empty_end(width: int, text: str) -> None:
    from rich.cells import cell_len

    shown = lines(text, width)
    code = "```" in text or re.search(r"^ {4,}|^\s*(?:[-*]|1\.)\s{5,}", text, re.MULTILINE)
    assert code or all(cell_len(line) <= width for line in shown)
    assert not shown or shown[-1].strip()
