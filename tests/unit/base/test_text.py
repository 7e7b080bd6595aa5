"""What reaches a terminal: nothing that moves a cursor; and for a question nothing that hides."""

from __future__ import annotations

import pytest

from alpi.base.text import encodable, escaped, one_line, printable

EVIL = {
    "colour": "\x1b[31mred\x1b[0m",
    "clear": "\x1b[2J\x1b[H",
    "title": "\x1b]0;title\x07",
    "title, string end": "\x1b]0;title\x1b\\",
    "title, open": "\x1b]0;title",
    "link": "\x1b]8;;http://evil.example\x1b\\text\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "device": "\x1bP1;2q\x1b\\",
    "keypad": "\x1b=",
    "reset": "\x1bc",
    "charset": "\x1b(0",
    "eight bits": "\x9b31m\x9d0;x\x9c",
    "cursor": "a\rb",
    "backspace": "rm x\b\b\b\bls  ",
    "bell": "\a",
    "delete": "a\x7f",
    "nul": "a\0b",
    "lone": "\x1b",
    "nested": "\x1b\x1b[31m[31m",
}


@pytest.mark.parametrize("text", EVIL.values(), ids=EVIL.keys())
def test_no_control_reaches_the_screen(text: str) -> None:
    for shown in (printable(text), one_line(text), escaped(text)):
        assert not [c for c in shown if (ord(c) < 32 and c not in "\t\n") or 127 <= ord(c) < 160]


@pytest.mark.parametrize("text", EVIL.values(), ids=EVIL.keys())
def test_a_stream_cut_anywhere_lets_no_control_through(text: str) -> None:
    for cut in range(len(text) + 1):
        shown = printable(text[:cut]) + printable(text[cut:])
        assert "\x1b" not in shown
        assert not [c for c in shown if ord(c) < 32 and c not in "\t\n"]


def test_sequences_leave_no_letters_behind() -> None:
    assert printable("\x1b[1;31mred\x1b[0m and \x1b]0;title\x07plain") == "red and plain"


def test_ordinary_text_stays(text: str = "Ünïcode\t€ 漢字 👍\nnext line\n") -> None:
    assert printable(text) == text
    assert escaped(text) == text


def test_windows_line_ends_are_line_ends() -> None:
    assert printable("a\r\nb") == "a\nb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("\ufeffa", "\\ufeffa"),
        ("a\u00adb", "a\\xadb"),
        ("a\U000e0041b", "a\\U000e0041b"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\rb", "a\\x0db"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_a_question_shows_what_would_hide(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_one_line_is_one_line_and_no_longer_than_asked() -> None:
    assert one_line("  a\n\tb  \r\n c ") == "a b c"
    assert one_line("x" * 300) == "x" * 199 + "…"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        ("gr\u00fc\u00df".encode(), "gr\u00fc\u00df"),
        (b"a\xffb", "a\ufffdb"),
        (b"\xc3", "\ufffd"),
        ("\U0001f600".encode(), "\U0001f600"),
    ],
)
def test_bytes_that_could_not_be_decoded_become_text_again(data: bytes, text: str) -> None:
    for decoded in (data.decode("ascii", "surrogateescape"), data.decode("utf-8", "surrogateescape")):
        assert encodable(decoded) == text
    assert encodable(text) == text


def test_half_characters_are_replaced() -> None:
    assert encodable("a\ud800b\udfffc") == "a\ufffdb\ufffdc"
