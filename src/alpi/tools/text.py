"""Text files as tools handle them: encodings, line ends, and what changed."""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ..agent.tool import ToolError

# Marks at the beginning of a file. The longer ones first: UTF-32's begins like UTF-16's.
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
MOST_DIFF_LINES = 400
# Comparing costs lines times lines where many are alike. A longer stretch is shown as taken out and put in.
MOST_COMPARED = 2000
CONTEXT = 2


@dataclass(frozen=True, slots=True)
class TextFile:
    """A text, and how its file writes it. ``crlf``: every line ends so there, and with a bare newline here."""

    text: str
    encoding: str
    crlf: bool
    bom: bytes = b""

    def encode(self, text: str) -> bytes:
        """A changed text as bytes, written as the file was.

        Raises:
            ToolError: the file's encoding has no such character.
        """
        try:
            return self.bom + (text.replace("\n", "\r\n") if self.crlf else text).encode(self.encoding)
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


def decode(data: bytes, cut: bool = False) -> TextFile:
    """Bytes as text: by their mark, else UTF-8, else Windows-1252 and Latin-1, which hold most older files.

    ``cut``: they were taken out of a file at any place, so that a character at their end may be incomplete.
    """
    bom, named = next(((bom, name) for bom, name in BOMS if data.startswith(bom)), (b"", "utf-8"))
    for mark, encoding in ((bom, named), (b"", "cp1252"), (b"", "latin-1")):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(data[len(mark) :], final=not cut)
        except UnicodeDecodeError:
            continue
        crlf = "\r\n" in text and text.count("\r\n") == text.count("\n")
        return TextFile(text.replace("\r\n", "\n") if crlf else text, encoding, crlf, mark)
    raise AssertionError("Latin-1 decodes any bytes")


def lines_of(text: str) -> list[str]:
    """Lines with their ends. Only a newline ends one, as for editors, grep and git: not what else Unicode calls the end of a line."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def unified_diff(before: str, after: str, name: str) -> str:
    """What changed, as a unified diff, cut where it gets too long to be looked at."""
    old, new = (
        [line.removesuffix("\n") for line in lines_of(before)],
        [line.removesuffix("\n") for line in lines_of(after)],
    )
    if old == new:
        return ""
    lines = [f"--- {name}", f"+++ {name}", *_hunks(old, new)]
    if len(lines) > MOST_DIFF_LINES:
        lines = [*lines[:MOST_DIFF_LINES], f"… {len(lines) - MOST_DIFF_LINES} more lines of changes"]
    return "\n".join(lines)


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    # What is the same at both ends needs no comparing: a small change of a long file is found at once.
    head = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    head = max(0, head - CONTEXT)
    rest = min(len(old), len(new)) - head
    tail = sum(1 for _ in takewhile(lambda place: old[-place] == new[-place], range(1, rest + 1)))
    tail = max(0, tail - CONTEXT)
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(len(a), len(b)) > MOST_COMPARED:
        yield _place(head, len(a), len(b))
        yield from [f"-{line}" for line in a[:MOST_DIFF_LINES]]
        yield from [f"+{line}" for line in b]
        return
    for group in difflib.SequenceMatcher(None, a, b).get_grouped_opcodes(CONTEXT):
        yield _place(head + group[0][1], group[-1][2] - group[0][1], group[-1][4] - group[0][3], head + group[0][3])
        for kind, a_start, a_end, b_start, b_end in group:
            if kind == "equal":
                yield from [f" {line}" for line in a[a_start:a_end]]
                continue
            yield from [f"-{line}" for line in a[a_start:a_end]]
            yield from [f"+{line}" for line in b[b_start:b_end]]


def _place(old: int, old_count: int, new_count: int, new: int | None = None) -> str:
    """The head of a hunk. Lines are counted from 1; a side without lines names the one before."""

    def side(start: int, count: int) -> str:
        return f"{start + 1}" if count == 1 else f"{start + bool(count)},{count}"

    return f"@@ -{side(old, old_count)} +{side(old if new is None else new, new_count)} @@"


def plural(count: int, noun: str) -> str:
    """``1 line``, ``2 lines``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
