"""Encodings, lines and differences."""

from __future__ import annotations

import pytest

from alpi.tools.text import MOST_DIFF_LINES, decode, is_binary, lines_of, plural, unified_diff


@pytest.mark.parametrize("text", ["", "a", "a\n", "\n", "a\nb", "a\r\nb\r\n", "a\u2028b\x0c\n", "\n\n"])
def test_lines_put_together_again_are_the_text(text: str) -> None:
    assert "".join(lines_of(text)) == text
    assert all(line.endswith("\n") for line in lines_of(text)[:-1])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_what_was_decoded_is_encoded_to_the_same_bytes(encoding: str) -> None:
    for text in ("", "plain\n", "größe €\r\nzwei\r\n", "a\r\nb\n", "a\rb"):
        data = text.encode(encoding)
        file = decode(data)
        assert file.encode(file.text) == data


def test_a_cut_inside_a_character_does_not_change_the_encoding() -> None:
    data = "é€😀".encode()
    for cut in range(len(data) + 1):
        assert "é€😀".startswith(decode(data[:cut], cut=True).text)
        assert decode(data[:cut], cut=True).encoding == "utf-8"
    assert decode(data[:1]).encoding == "cp1252"


@pytest.mark.parametrize(
    ("data", "binary"),
    [
        (b"", False),
        (b"text\n", False),
        (b"a\0b", True),
        (b"\xff\xfea\0", False),
        (bytes(range(1, 32)), True),
        (b"\x1b[31mred\x1b[0m", False),
    ],
)
def test_binary(data: bytes, binary: bool) -> None:
    assert is_binary(data) == binary


def test_a_difference_is_what_diff_would_show() -> None:
    before = "".join(f"line {n}\n" for n in range(1, 31))
    after = before.replace("line 5\n", "").replace("line 20\n", "twenty\n20b\n")
    assert unified_diff(before, after, "a") == (
        "--- a\n+++ a\n@@ -3,5 +3,4 @@\n line 3\n line 4\n-line 5\n line 6\n line 7\n"
        "@@ -18,5 +17,6 @@\n line 18\n line 19\n-line 20\n+twenty\n+20b\n line 21\n line 22"
    )
    assert unified_diff("", "", "a") == unified_diff("x", "x", "a") == ""


def test_a_long_difference_is_cut() -> None:
    before = "".join(f"{n}\n" for n in range(5000))
    lines = unified_diff(before, before.replace("1", "x"), "a").split("\n")
    assert len(lines) == MOST_DIFF_LINES + 1
    assert lines[-1].endswith("more lines of changes")


@pytest.mark.parametrize("size", [200_000])
def test_a_change_of_a_long_file_is_found_at_once(size: int) -> None:
    """Alike lines by the hundred thousand: comparing all with all would take hours."""
    before = "same\n" * size + "old\n" + "same\n" * size
    assert "-old\n+new" in unified_diff(before, before.replace("old", "new"), "a")
    replaced = unified_diff("a\n" * size, "b\na\n" * (size // 2), "a")
    assert replaced.startswith("--- a\n+++ a\n@@ -1,200000 +1,200000 @@\n-a\n")


def test_plurals() -> None:
    assert [plural(n, "line") for n in (0, 1, 2, 1000)] == ["0 lines", "1 line", "2 lines", "1,000 lines"]
