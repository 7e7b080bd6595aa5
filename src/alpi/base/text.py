"""Text for terminals: what could move a cursor, hide a word or turn its direction is taken out or shown for what it is."""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1; whole escape sequences first, so that their letters do not stay behind.
SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Zero-width characters, bidirectional controls, and the tag block: invisible, and used to hide or turn text.
INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# Halves of characters, but for those that stand for a byte which could not be decoded.
HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def printable(text: str) -> str:
    """Text of a model or a tool for the screen: terminal codes and controls are removed, all else stays."""
    return CONTROLS.sub("", SEQUENCES.sub("", text.replace("\r\n", "\n")))


def escaped(text: str) -> str:
    """Text that a person must judge: every control, zero-width and bidirectional character is shown as ``\\x1b`` or ``\\u202e``."""
    return INVISIBLE.sub(_code, CONTROLS.sub(_code, text))


def encodable(text: str) -> str:
    """Text that UTF-8 can hold. File names and arguments may bring stand-ins for bytes that could not be decoded: they become what
    those bytes mean in UTF-8, or ``\\ufffd`` where they mean nothing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return HALVES.sub("\ufffd", text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text


def one_line(text: str, most: int = 200) -> str:
    """Text on one line, cut where it is too long."""
    text = " ".join(printable(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _code(match: re.Match[str]) -> str:
    point = ord(match.group())
    return f"\\x{point:02x}" if point < 256 else f"\\u{point:04x}" if point < 65536 else f"\\U{point:08x}"
