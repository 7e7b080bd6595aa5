"""Asking the terminal for its background: what its answers mean."""

from __future__ import annotations

import pytest

from alpi.tui.ground import Asking, is_light, typed_in

DARK, LIGHT = "\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\", "\x1b]11;rgb:fafa/fafa/f8f8\x07"


@pytest.mark.parametrize(
    ("answer", "light"),
    [
        (DARK, False),
        (LIGHT, True),
        ("\x1b]11;rgba:ff/ff/ff/80\x1b\\\x1b[?62;4c", True),
        ("\x1b]11;rgb:0/0/0\x07", False),
        ("\x1b[?62;4c", None),
        ("hello", None),
        ("", None),
    ],
)
def test_what_an_answer_means(answer: str, light: bool | None) -> None:
    assert is_light(answer) is light


def test_what_was_typed_meanwhile_is_kept() -> None:
    assert typed_in(f"he{DARK}llo\x1b[?62;4c") == "hello"
    assert typed_in(f"{LIGHT}\x1b[?1;2c") == ""
    assert typed_in("a\x1b[Ab\rc") == "ab\nc"


@pytest.mark.parametrize(
    ("fgbg", "light"), [("0;15", True), ("0;7", True), ("15;0", False), ("15;default;0", False), ("", False)]
)
def test_without_a_terminal_the_environment_says(fgbg: str, light: bool) -> None:
    assert Asking({"COLORFGBG": fgbg, "TERM": "xterm"}).answer() == (light, "")
