"""JSON as links write and read it: a strict reader, and the canonical form that signatures are made over.

Canonical: keys sorted by code point at every level, ``,`` and ``:`` without spaces, non-ASCII characters as they are, UTF-8. Strings
escape ``"``, ``\\`` and what is below U+0020 (in the short forms b, t, n, f and r where there are, else ``\\u00xx`` in small letters).

Numbers are the one thing that two writers may spell differently (``1e3``, ``1000.0``). A sender here writes integers as plain digits
and fractions as the shortest text that reads back to the same double, as Python and most others do. A reader accepts the signature over the
numbers as they were spelled on the wire, or over that shortest form; both say the same value, and nothing else may differ.
"""

from __future__ import annotations

import json
import math
import re
from json.encoder import encode_basestring
from typing import Any, NoReturn

from .errors import BadShape

LARGEST = 1 << 20
"""Bytes of an envelope."""
DEEPEST = 64
"""Objects and arrays inside one another, the outermost counted."""
LONGEST_NUMBER = 1000
"""Characters of a number; readers differ in what they do with longer ones."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_NOT_BRACKETS = bytes(value for value in range(256) if value not in b"[]{}")
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


class SpelledFloat(float):
    """A number that was not spelled in its shortest form."""

    __slots__ = ("text",)
    text: str


class SpelledInt(int):
    """``-0``, which has another spelling than its value."""

    text: str


def canonical(value: object) -> bytes:
    """The canonical form of a value made of dicts with string keys, lists, strings, finite numbers, booleans and ``None``.

    Raises:
        BadShape: a lone surrogate, a number that is not finite, or something that JSON cannot hold.
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except (ValueError, TypeError, RecursionError) as error:  # a lone surrogate is a ValueError, too
        raise BadShape(f"not JSON: {error}") from error


def canonical_as_spelled(value: object) -> bytes:
    """The same with numbers as ``parse`` found them."""
    return _spelled(value).encode("utf-8")


def parse(data: bytes) -> tuple[dict[str, Any], bool]:
    """One JSON object, and whether a number in it has another spelling than its shortest form.

    Raises:
        BadShape: no JSON object in UTF-8, more than 1 MiB, nested deeper than 64, a key twice, NaN or Infinity (also as ``1e999``), a
            number of more than 1,000 characters. A lone surrogate is found when the canonical form is made.
    """
    if len(data) > LARGEST:
        raise BadShape("longer than 1 MiB")
    check_depth(data)
    reader = _Reader()
    try:
        value = reader.decoder.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadShape(f"not JSON: {type(error).__name__}") from error
    if not isinstance(value, dict):
        raise BadShape("not a JSON object")
    return value, reader.odd


def check_depth(data: bytes) -> None:
    """Refuse nesting that is too deep before anything walks it.

    Raises:
        BadShape: deeper than 64, or brackets that do not fit together in so many.
    """
    if data.count(b"{") + data.count(b"[") <= DEEPEST:
        return
    brackets = _STRING.sub(b"", data).translate(None, _NOT_BRACKETS)
    for _ in range(DEEPEST):  # each round takes away the innermost pairs
        if not brackets:
            return
        brackets = _without_pairs(brackets)
    if brackets:
        raise BadShape("nested deeper than 64")


def _without_pairs(brackets: bytes) -> bytes:
    # Only what was innermost at the start of the round: "[]{}" beside each other go at once, "[[]]" takes two rounds.
    return brackets.replace(b"[]", b"\0").replace(b"{}", b"\0").replace(b"\0", b"")


class _Reader:
    """One reading. ``odd`` tells afterwards whether a number has another spelling than its shortest form."""

    def __init__(self) -> None:
        self.odd = False
        self.decoder = json.JSONDecoder(
            object_pairs_hook=_object, parse_float=self._float, parse_int=self._int, parse_constant=_constant
        )

    def _float(self, text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or len(text) > LONGEST_NUMBER:
            raise ValueError("a number out of range")
        if repr(value) == text:
            return value
        self.odd = True
        spelled = SpelledFloat(value)
        spelled.text = text
        return spelled

    def _int(self, text: str) -> int:
        if len(text) > LONGEST_NUMBER:
            raise ValueError("a number out of range")
        if text != "-0":
            return int(text)
        self.odd = True
        spelled = SpelledInt(0)
        spelled.text = text
        return spelled


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _spelled(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{encode_basestring(key)}:{_spelled(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_spelled, value)) + "]"
    if isinstance(value, SpelledFloat | SpelledInt):
        return value.text
    return _ENCODER.encode(value)
