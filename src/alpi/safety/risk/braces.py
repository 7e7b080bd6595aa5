"""Brace expansion: ``{a,b}`` and ``{1..9}``."""

from __future__ import annotations

import re

from .quoting import skip

MAX_FIELDS = 64
"""Words that one word may become."""


def braces(raw: str) -> list[str]:
    """Brace expansion on source text, as the shell does it before anything else. At most `MAX_FIELDS` words."""
    if "{" not in raw:
        return [raw]
    at = 0
    while at < len(raw):
        if raw[at] == "{" and (at == 0 or raw[at - 1] != "$"):
            inside = _brace_parts(raw, at)
            if inside is not None:
                parts, end = inside
                tails = braces(raw[end:])
                found = [raw[:at] + part + tail for part in parts for tail in tails]
                return found[:MAX_FIELDS]
            at += 1
        else:
            at = skip(raw, at)
    return [raw]


def _brace_parts(raw: str, start: int) -> tuple[list[str], int] | None:
    """The alternatives of the brace that opens at ``start`` and where the text goes on, or ``None`` if it is no brace."""
    depth, at, begin = 0, start, start + 1
    parts: list[str] = []
    while at < len(raw):
        char = raw[at]
        if char == "{" and raw[at - 1 : at] != "$":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                parts.append(raw[begin:at])
                break
        elif char == "," and depth == 1:
            parts.append(raw[begin:at])
            begin = at + 1
        elif char.isspace():
            return None
        at = skip(raw, at)
    else:
        return None
    if len(parts) == 1:
        steps = _sequence(parts[0])
        return None if steps is None else (steps, at + 1)
    return [piece for part in parts for piece in braces(part)][:MAX_FIELDS], at + 1


def _sequence(text: str) -> list[str] | None:
    match = re.fullmatch(r"(-?\d{1,9}|[A-Za-z])\.\.(-?\d{1,9}|[A-Za-z])(?:\.\.-?\d{1,9})?", text)
    if match is None:
        return None
    first, last = match[1], match[2]
    if first.isalpha() and last.isalpha():
        low, high = sorted((ord(first), ord(last)))
        return [chr(code) for code in range(low, min(high, low + MAX_FIELDS) + 1)]
    if first.isalpha() or last.isalpha():
        return None
    low, high = sorted((int(first), int(last)))
    return [str(number) for number in range(low, min(high, low + MAX_FIELDS) + 1)]
