"""Finds text that talks to the model instead of to a person: injected orders, forged roles and calls, ways to carry data out.

Pure, and made of patterns: it catches what is common and known, in English and Spanish and the core phrases of a few more languages. It is
a filter before the gate, never instead of it. Texts that nobody vouches for are scanned with it: entries of memory, skills, descriptions.

Patterns work on a text brought into one form (small letters, no accents, look-alike letters exchanged, invisible ones gone); a text is
also tried with digits read as letters, with spaced-out words joined, and with encoded parts decoded.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from ..base.text import escaped, one_line
from .scanner_patterns import CASED, ORDERS, PATTERNS, Pattern

MOST_CHARS = 200_000
"""What is longer is scanned up to here: nothing that a model is given whole is longer."""

KINDS = MappingProxyType(
    {
        "hidden": "it holds characters that cannot be seen",
        "role": "it pretends to be a part of the system's own messages",
        "orders": "it gives orders to the model",
        "secrecy": "it asks to hide something from the user",
        "exfiltration": "it asks to send data away",
        "call": "it imitates a tool call",
        "command": "it holds a command that fetches and runs, or destroys",
        "encoded": "it holds encoded text, and that",
    }
)
"""The kinds of findings, and what is said of each."""

# Letters that look like Latin ones, by what they are read as.
_ALIKE = str.maketrans(
    "абвгдеёзіїјкмнорстухуԁһѕցոսԝꮯ" + "αβγεηικνορτυχωϲ" + "ıȷɡɩʟɴʀꜱ",
    "a6brdee3iijkmhopctyxydhsgnuwc" + "abyenikvoptuxwc" + "ijgilnrs",
)
_LEET = str.maketrans("013457@$!|", "oieastasii")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MARKS = re.compile("[\u200b-\u200f\u2060-\u2065\u180e\ufeff\ufff9-\ufffb\u00ad\u034f\u115f\u1160\u3164\uffa0]")
_TAGS = re.compile("[\U000e0000-\U000e007f\U000e0100-\U000e01ef]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{2,6}\U000e007f")
_SELECTORS = re.compile("[\ufe00-\ufe0f]{2,}")
_SPACED = re.compile(r"(?<!\w)(?:\w[ ._*/|-]{1,2}){4,}\w(?!\w)")
_BLOB = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ :]?){16,}|(?:\\x[0-9a-fA-F]{2}){8,}")
_RUNS = (
    "curl ",
    "wget ",
    "bash",
    "sh -c",
    "rm -",
    "python",
    "http://",
    "https://",
    "eval",
    "powershell",
    "nc ",
    "import os",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What makes a text suspicious: the ``kind`` (one of ``KINDS``) and the place, made safe to show."""

    kind: str
    excerpt: str

    @property
    def reason(self) -> str:
        """One clause for people and models."""
        return f"{KINDS[self.kind]}: “{self.excerpt}”"


def scan(text: str) -> Finding | None:
    """The first thing in a text that is suspicious, or ``None``."""
    return _scan(text[:MOST_CHARS], 2)


def scan_memory(text: str) -> str:
    """Why an entry of memory is suspicious, or ``""``."""
    found = scan(text)
    return found.reason if found is not None else ""


def _scan(text: str, depth: int) -> Finding | None:
    found = _unseen(text) or _first(CASED, text)
    if found is not None:
        return found
    plain = normalised(text)
    for number, form in enumerate(_forms(plain)):
        found = _first(ORDERS if number > 2 else PATTERNS, form) if form else None
        if found is not None:
            return found
    if depth:
        for inner in _decoded(text):
            found = _scan(inner, depth - 1)
            if found is not None or any(word in inner for word in _RUNS):
                return Finding("encoded", _shown(found.excerpt if found else inner))
    return None


def _first(patterns: tuple[Pattern, ...], text: str) -> Finding | None:
    for kind, triggers, pattern in patterns:
        if any(word in text for word in triggers.split("~")):
            match = re.search(pattern, text, re.MULTILINE)
            if match is not None:
                return Finding(kind, _shown(match.group()))
    return None


def normalised(text: str) -> str:
    """The form that patterns are written for."""
    text = _MARKS.sub("", _TAGS.sub("", unicodedata.normalize("NFKC", text)))
    apart = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(mark for mark in apart if not unicodedata.combining(mark)).translate(_ALIKE)
    text = text.replace("’", "'").replace("‘", "'").replace("`", "")
    return re.sub(r"[ \t\u00a0]+", " ", re.sub(r"(?<=\w)[*_]{1,3}|[*_]{1,3}(?=\w)", _emphasis, text))


def _emphasis(mark: re.Match[str]) -> str:
    """Marks of emphasis around a word go; one between letters, as in a name of a program, stays."""
    text, start, end = mark.string, mark.start(), mark.end()
    inside = start > 0 and end < len(text) and text[start - 1].isalnum() and text[end].isalnum()
    return mark.group() if inside else ""


def _forms(text: str) -> Iterator[str]:
    """The ways in which a text may be meant to be read. The first three are tried with all patterns."""
    yield text
    yield text.translate(_LEET) if re.search(r"[a-z][013457@$!|]|[013457@$!|][a-z]", text) else ""
    spaced = _SPACED.search(text) is not None
    yield (
        _SPACED.sub(lambda run: re.sub(r"[\W_]", "", run.group()), re.sub(r"  +|\s*[/|]\s*", "   ", text))
        if spaced
        else ""
    )
    yield text[::-1]
    yield text.translate(_ROT13)


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROT13 = str.maketrans(_LETTERS, _LETTERS[13:] + _LETTERS[:13])


def _unseen(text: str) -> Finding | None:
    """Characters that turn or hide text. Those that scripts and pictures need stay: joiners beside their letters, marks of direction in
    text that runs from right to left, the flags of countries."""
    text = _FLAG.sub("", text)
    rest = text.removeprefix("\ufeff")
    for pattern in (_BIDI, _TAGS, _CONTROLS, _SELECTORS):
        if (match := pattern.search(rest)) is not None:
            return Finding("hidden", _around(rest, match.start()))
    for match in _MARKS.finditer(rest):
        mark, before = match.group(), rest[max(0, match.start() - 2) : match.start()].rstrip("\ufe0f")
        if mark == "\u00ad" or (mark in "\u200c\u200d" and before and ord(before[-1]) > 0x0590):
            continue
        if mark in "\u200e\u200f" and any(unicodedata.bidirectional(char) in ("R", "AL") for char in rest):
            continue
        return Finding("hidden", _around(rest, match.start()))
    return None


def _decoded(text: str) -> Iterator[str]:
    """What encoded stretches of a text say, where they say something."""
    import base64
    import binascii
    import html
    import urllib.parse

    for match in _BLOB.finditer(text):
        blob = match.group().rstrip("=").replace("-", "+").replace("_", "/")
        try:
            data = base64.b64decode(
                blob[: len(blob) // 4 * 4] + (blob[len(blob) // 4 * 4 :] + "==")[:4] * bool(len(blob) % 4 > 1)
            )
        except (binascii.Error, ValueError):
            continue
        if (inner := _readable(data)) is not None:
            yield inner
    for match in _HEX.finditer(text):
        if (inner := _readable(bytes.fromhex(re.sub(r"[ :]|\\x", "", match.group())))) is not None:
            yield inner
    for other in (
        urllib.parse.unquote(text) if text.count("%") > 3 else text,
        html.unescape(text) if "&" in text else text,
    ):
        if other != text:
            yield other


def _readable(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return (
        text
        if len(text) >= 10 and sum(char.isprintable() or char in "\n\t" for char in text) >= 0.95 * len(text)
        else None
    )


def _around(text: str, at: int) -> str:
    return _shown(text[max(0, at - 20) : at + 20])


def _shown(text: str) -> str:
    return one_line(escaped(" ".join(text.split())), 80)
