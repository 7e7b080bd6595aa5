"""Pieces of the transcript as lines: they fit, whatever the width; and addresses are found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from alpi.tui.addresses import links_in
from alpi.tui.blocks import Block, BlockSplitter
from alpi.tui.look import DARK, LIGHT, Look
from alpi.tui.widgets.pieces import (
    Card,
    Note,
    Piece,
    Plain,
    Said,
    SetText,
    Thought,
    diff_strips,
    fitted,
    folded,
)

LOOK = Look(DARK)
TEXT = st.text(st.characters(codec="utf-8"), max_size=300)
DIFF = "--- a\n+++ a\n@@ -1,30 +1,30 @@\n" + "".join(f"-old {n}\n+new {n} {'wide ' * n}\n" for n in range(20))


def card(state: str = "ok", text: str = "out\nput", diff: str = "") -> Card:
    made = Card("1", "read_file", "a/very/long/path/to/some/file.md")
    made.finish(state, "40 lines, and a summary that goes on", text, diff, 3.2)  # type: ignore[arg-type]
    return made


@given(TEXT, st.integers(8, 60))
def test_folding_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = list(folded(text, width))
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(TEXT, st.integers(1, 40))
def test_fitting_never_exceeds_the_width(text: str, width: int) -> None:
    shown = fitted(text.replace("\n", " "), width)
    assert cell_len(shown) <= width


@pytest.mark.parametrize("width", [16, 36, 60, 156, 246])
@pytest.mark.parametrize("look", [LOOK, Look(LIGHT), Look(DARK, colour=False)])
def test_every_piece_fits(width: int, look: Look) -> None:
    pieces: list[Piece] = [
        Said("words " * 40, ["shot.png"] * 9),
        Thought("why " * 60),
        Note("something " * 30, "warn", "! ", "a hint " * 20),
        Plain("漢字" * 70),
        card(),
        card("refused", "no " * 100),
        card("failed", "x" * 500, DIFF),
        Card("2", "shell", "make " * 20),
        SetText(Block("A **paragraph** with `code` and https://example.org/" + "x" * 90 + " in it. " * 20)),
        SetText(Block("```python\n" + "call(" * 60 + "\n\n\tx = 1\n```")),
        SetText(Block("- one\n" + "  and more " * 20)),
        SetText(Block("# A heading " + "that is long " * 12)),
    ]
    for piece in pieces:
        for is_open in (False, True):
            piece.is_open = is_open
            lines = piece.lines(width, look)
            assert lines
            assert max(strip.cell_length for strip in lines) <= width, piece


def test_a_card_says_how_it_ended() -> None:
    assert card().lines(120, LOOK)[0].text == (
        "✓ read_file  a/very/long/path/to/some/file.md  40 lines, and a summary that goes on · 3.2 s"
    )
    assert card("refused").lines(120, LOOK)[0].text.startswith("✗ read_file")


def test_a_closed_card_shows_the_beginning_of_a_change_and_an_open_one_all_of_it() -> None:
    changed = card(diff=DIFF)
    closed = [strip.text.rstrip() for strip in changed.lines(80, LOOK)]
    assert closed[1:3] == ["    - old 0", "    + new 0"]
    assert closed[-1] == "    … 28 more lines"
    changed.is_open = True
    assert any("old 19" in strip.text for strip in changed.lines(80, LOOK))


def test_a_change_shows_hidden_characters_for_what_they_are() -> None:
    strips = diff_strips("--- a\n+++ a\n@@ -1 +1 @@\n-x\u202ey\n+\x1b[2Kz\n@@ -9 +9 @@\n same\n", 60, LOOK, 0)
    assert [strip.text.rstrip() for strip in strips] == ["    - x\\u202ey", "    + \\x1b[2Kz", "    …", "      same"]


def test_code_keeps_its_lines_and_its_empty_ones() -> None:
    lines = SetText(Block("```python\n\nfirst = 1\n\n    second = 2\n```")).lines(40, LOOK)
    assert [strip.text.rstrip() for strip in lines] == ["", " first = 1", "", "     second = 2"]


def test_blocks_of_an_answer_are_set_as_markdown() -> None:
    splitter = BlockSplitter()
    blocks = splitter.feed("| a | b |\n|---|--:|\n| 1 | 2 |\n\n![x](http://x.org/p.png) and <b>tags</b>\n\n")
    lines = [strip.text.rstrip() for block in blocks for strip in SetText(block).lines(60, LOOK)]
    assert lines[0].split() == ["a", "b"]
    assert lines[2].split() == ["1", "2"]
    assert lines[3] == "x (http://x.org/p.png) and <b>tags</b>"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://example.org/a_(b).", ["https://example.org/a_(b)"]),
        ("(https://example.org/a)", ["https://example.org/a"]),
        ("<http://a.b/c>, https://d.e!", ["http://a.b/c", "https://d.e"]),
        ("javascript:alert(1) file:///etc/passwd ftp://x", []),
    ],
)
def test_only_web_addresses_are_links(text: str, found: list[str]) -> None:
    assert [address for _, _, address in links_in(text)] == found
    assert all(text[start:end] == address for start, end, address in links_in(text))
