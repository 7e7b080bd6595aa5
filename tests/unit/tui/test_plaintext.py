"""Alpi's own Markdown, read without Markdown."""

from __future__ import annotations

from alpi.tui.plaintext import plain_text


def test_tables_become_columns() -> None:
    table = "before\n\n| command | does |\n|---|---:|\n| `/memory [a\\|b]` | shows **all** |\n| `/x` | y |\n\nafter"
    assert plain_text(table).split("\n") == [
        "before",
        "",
        "command        does",
        "/memory [a|b]  shows all",
        "/x             y",
        "",
        "after",
    ]


def test_a_table_without_a_head_has_none() -> None:
    assert plain_text("| | |\n|---|---|\n| model | x |") == "model  x"


def test_code_stays_as_it_is() -> None:
    assert plain_text("```\n| a | **b** |\n```\n`c`") == "| a | **b** |\nc"


def test_other_text_is_left_alone() -> None:
    for text in ("2 * 3 ** 4", "a | b", "|", "no `closing", ""):
        assert plain_text(text) == text
