"""A line that is typed key by key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alpi.tui.keys import TypedLine


def typed(*pieces: bytes) -> tuple[list[str], str]:
    line = TypedLine()
    return [text for piece in pieces for text in line.feed(piece)], line.text


def test_enter_ends_a_line() -> None:
    assert typed(b"one\rtwo\nthree") == (["one", "two"], "three")


def test_characters_arrive_in_parts() -> None:
    assert typed("é字".encode()[:1], "é字".encode()[1:3], "é字".encode()[3:]) == ([], "é字")


def test_keys_that_delete() -> None:
    assert typed("ab字".encode() + b"\x7f\x7f") == ([], "a")
    assert typed(b"\x7fx\x08\x08") == ([], "")
    assert typed(b"one two  \x17") == ([], "one ")
    assert typed(b"one\x17") == ([], "")
    assert typed(b"one two\x15three") == ([], "three")


def test_cursor_keys_leave_nothing_behind_also_when_they_arrive_in_parts() -> None:
    assert typed(b"a\x1b[A\x1b[1;5Cb\x1bOH\x1bxc") == ([], "abc")
    assert typed(b"a\x1b", b"[", b"1;5", b"Cb") == ([], "ab")


def test_controls_are_dropped() -> None:
    assert typed(b"a\x01\x0c\x00\tb") == ([], "a b")


def test_a_paste_is_one_line() -> None:
    assert typed(b"see \x1b[200~one\r\ntwo\n\x1b[201~ok\r") == (["see one\n\ntwo\nok"], "")


def test_ctrl_d_ends_an_empty_line_only() -> None:
    line = TypedLine()
    assert line.feed(b"a\x04") == []
    assert not line.ended
    assert line.feed(b"\x15\x04") == [""]
    assert line.ended


def test_what_was_begun_before_goes_on() -> None:
    line = TypedLine("half")
    assert line.feed(b" way\r") == ["half way"]


def test_clear_forgets_all() -> None:
    line = TypedLine()
    line.feed(b"abc\x1b[200~d\x1b")
    line.clear()
    assert line.feed(b"x\r") == ["x"]


@given(st.lists(st.binary(max_size=6), max_size=8))
def test_no_bytes_are_too_odd(pieces: list[bytes]) -> None:
    line = TypedLine()
    for piece in pieces:
        line.feed(piece)
    assert all(character.isprintable() or character == "\n" for character in line.text)
