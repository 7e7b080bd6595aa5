"""Where quoted text, escapes and substitutions end, and what ``$'…'`` stands for."""

from __future__ import annotations

import re
from types import MappingProxyType

from .steps import TooComplex

MAX_NESTING = 40
_SIMPLE_ESCAPES = MappingProxyType(
    {
        "n": "\n",
        "t": "\t",
        "r": "\r",
        "a": "\a",
        "b": "\b",
        "f": "\f",
        "v": "\v",
        "e": "\x1b",
        "E": "\x1b",
    }
)


def skip(raw: str, at: int, depth: int = 0) -> int:
    """The index after the quoted text, escape, substitution or single character that begins at ``at``."""
    char = raw[at]
    if char == "\\":
        return min(at + 2, len(raw))
    if char == "'":
        end = raw.find("'", at + 1)
        return len(raw) if end < 0 else end + 1
    if char == "`" or char == '"':
        return _closing(raw, at + 1, char, depth)
    if char == "$" and raw[at + 1 : at + 2] == "'":
        return _closing(raw, at + 2, "'", depth)
    if char == "$" and raw[at + 1 : at + 2] == "{":
        return _matching(raw, at + 1, "{", "}", depth)
    if char in "$<>" and raw[at + 1 : at + 2] == "(":
        return _matching(raw, at + 1, "(", ")", depth)
    return at + 1


def _closing(raw: str, at: int, mark: str, depth: int) -> int:
    _check(depth)
    while at < len(raw):
        if raw[at] == mark:
            return at + 1
        if raw[at] == "$" and mark == '"' and raw[at + 1 : at + 2] in ("(", "{"):
            at = skip(raw, at, depth + 1)
        else:
            at += 2 if raw[at] == "\\" else 1
    return len(raw)


def _check(depth: int) -> None:
    if depth > MAX_NESTING:
        raise TooComplex("quotes and substitutions nested too deeply to be judged")


def _matching(raw: str, at: int, opening: str, closing: str, depth: int) -> int:
    _check(depth)
    level = 0
    while at < len(raw):
        if raw[at] == opening:
            level += 1
            at += 1
        elif raw[at] == closing:
            level -= 1
            at += 1
            if level == 0:
                return at
        elif raw[at] in "\\'\"`" or raw[at] == "$":
            at = max(skip(raw, at, depth + 1), at + 1)
        else:
            at += 1
    return len(raw)


def ansi(text: str) -> str:
    r"""Decode the inside of ``$'…'``: ``\xHH``, octal, ``\uHHHH``, ``\cX`` and the letters."""

    def one(match: re.Match[str]) -> str:
        code = match[1]
        if code[0] in "xuU" and len(code) > 1:
            number = int(code[1:], 16)
        elif code[0] in "01234567":
            number = int(code, 8) & 0xFF
        elif code[0] == "c":
            number = ord(code[1]) & 0x1F
        else:
            return _SIMPLE_ESCAPES.get(code, code)
        return chr(number) if 0 < number < 0x110000 else ""

    pattern = r"\\(x[0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{1,4}|U[0-9A-Fa-f]{1,8}|[0-7]{1,3}|c.|.)"
    return re.sub(pattern, one, text, flags=re.DOTALL)


def holds_substitution(text: str, *, document: bool = False) -> bool:
    """Whether a backtick or ``$(`` in a text would be run. Where braces make quotes uncertain, quotes count for nothing."""
    quotes = not document and "${" not in text
    double, at = False, 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 2
        elif (quotes and not double and char == "'") or (quotes and not double and text.startswith("$'", at)):
            at = skip(text, at)
        elif char == "`" or (text.startswith("$(", at) and not text.startswith("$((", at)):
            return True
        else:
            double ^= char == '"'
            at += 1
    return False
