"""Contents as a person is shown them: a diff between two, or their size."""

from __future__ import annotations

import difflib
from pathlib import Path

DIFF_BYTES = 128 << 10
"""A file is shown as a diff up to this size; a larger one by its size only."""


def difference(path: Path, old: bytes | None, new: bytes | None) -> str:
    """A unified diff between two contents (``None``: no file), or one line where they are binary or too long for one."""
    before, after = _text(old), _text(new)
    if before is None or after is None:
        return unlike(path, "nothing" if old is None else size(len(old)), new)
    names = ("/dev/null" if old is None else str(path), "/dev/null" if new is None else str(path))
    lines = difflib.unified_diff(_lines(before), _lines(after), *names)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def unlike(path: Path, there: str, new: bytes | None) -> str:
    """One line for what cannot be compared; ``there`` says what stands there now."""
    return f"{path}: {there} -> {'nothing' if new is None else size(len(new))}\n"


def size(count: int) -> str:
    """A number of bytes, for people."""
    if count < 10_000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"


def _lines(text: str) -> list[str]:
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])


def _text(data: bytes | None) -> str | None:
    """A content as text; ``None`` where it is binary or too long to be compared."""
    data = data or b""
    if len(data) > DIFF_BYTES or b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
