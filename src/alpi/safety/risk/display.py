"""Showing a command so that a person sees what is there: control, zero-width and direction characters are spelled out."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_BLANKS_OF_HANGUL_AND_BRAILLE = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
_ORDINARY = re.compile(r"[\n\x20-\x7e]*\Z")


def is_hidden(char: str) -> bool:
    """Whether a character changes nothing that is seen, or changes how the rest is seen. A line feed is ordinary."""
    if char == "\n":
        return False
    category = unicodedata.category(char)
    if category in _HIDDEN_CATEGORIES or char in _BLANKS_OF_HANGUL_AND_BRAILLE:
        return True
    return (category == "Zs" and char != " ") or "\ufe00" <= char <= "\ufe0d" or "\U000e0100" <= char <= "\U000e01ef"


def escape(text: str) -> tuple[str, bool]:
    """The text with every hidden character as ``\\x1b`` or ``\\u200b``, and whether there were any.

    A tab is spelled out like the others but does not count, since it hides nothing by itself.
    """
    if _ORDINARY.match(text):
        return text, False
    out: list[str] = []
    hidden = False
    for char in text:
        if not is_hidden(char):
            out.append(char)
            continue
        hidden = hidden or char != "\t"
        code = ord(char)
        if char == "\t":
            out.append("\\t")
        elif code < 0x100:
            out.append(f"\\x{code:02x}")
        else:
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return "".join(out), hidden
