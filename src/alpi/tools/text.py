"""Text files as tools handle them: encodings, line ends, and what changed."""

from __future__ import annotations

import codecs
import difflib
from dataclasses import dataclass

from ..agent.tool import ToolError

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MOST_DIFF_LINES = 400


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text with ``\\n`` line ends, and how its file writes it."""

    text: str
    encoding: str
    crlf: bool

    def encode(self, text: str) -> bytes:
        """A changed text as bytes, written as the file was.

        Raises:
            ToolError: the file's encoding has no such character.
        """
        try:
            return (text.replace("\n", "\r\n") if self.crlf else text).encode(self.encoding)
        except UnicodeEncodeError as error:
            raise ToolError(
                f"the file is {self.encoding}, which has no {text[error.start]!r}", "Use plain characters in it"
            ) from error


def is_binary(data: bytes) -> bool:
    """Whether bytes are no text: a NUL where no UTF-16 or UTF-32 mark stands, or too many control characters."""
    head = data[:8192]
    if any(head.startswith(bom) for bom, _ in BOMS):
        return False
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\b" for byte in head)
    return b"\0" in head or control * 20 > len(head)


def decode(data: bytes) -> TextFile:
    """Bytes as text: by their mark, else UTF-8, else Windows-1252 and Latin-1, which hold most older files."""
    encoding = next((name for bom, name in BOMS if data.startswith(bom)), "utf-8")
    for candidate in (encoding, "cp1252", "latin-1"):
        try:
            text = data.decode(candidate)
        except UnicodeDecodeError:
            continue
        crlf = "\r\n" in text and text.count("\r\n") == text.count("\n")
        return TextFile(text.replace("\r\n", "\n") if crlf else text, candidate, crlf)
    raise AssertionError("Latin-1 decodes any bytes")


def unified_diff(before: str, after: str, name: str) -> str:
    """What changed, as a unified diff, cut where it gets too long to be looked at."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm="", n=2))
    if len(lines) > MOST_DIFF_LINES:
        lines = [*lines[:MOST_DIFF_LINES], f"… {len(lines) - MOST_DIFF_LINES} more lines of changes"]
    return "\n".join(lines)


def plural(count: int, noun: str) -> str:
    """``1 line``, ``2 lines``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
