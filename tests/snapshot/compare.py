"""A screen as text: its characters, and below them which style stands where. One file for a scene in a theme, with a part for each width.

``UPDATE_SNAPSHOTS=1 python -m pytest tests/snapshot`` writes the files anew; look at what git shows before you keep them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.style import Style
from textual.strip import Strip

EXPECTED = Path(__file__).parent / "expected"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def spelled(style: Style | None) -> str:
    """A style in words: ``bold #d9dce3 on #14161a``."""
    if style is None:
        return "none"
    words = [name for name in ("bold", "dim", "italic", "underline", "reverse", "strike") if getattr(style, name)]
    if style.color is not None and not style.color.is_default:
        words.append(style.color.name)
    if style.bgcolor is not None and not style.bgcolor.is_default:
        words.append(f"on {style.bgcolor.name}")
    return " ".join(words) or "none"


def drawn(strips: Sequence[Strip]) -> str:
    """Rows of a screen as text, then their styles as runs of letters, then what each letter means."""
    letters: dict[str, str] = {}
    rows, runs = [], []
    for strip in strips:
        styles = [
            letters.setdefault(spelled(segment.style), LETTERS[len(letters) % len(LETTERS)])
            for segment in strip
            for _ in segment.text
        ]
        rows.append(strip.text.rstrip())
        runs.append(" ".join(f"{letter}{len(list(group))}" for letter, group in groupby(styles)))
    meaning = [f"{letter}  {name}" for name, letter in letters.items()]
    return "\n".join([*(f"|{row}" for row in rows), "", *runs, "", *meaning]) + "\n"


def compare(name: str, parts: dict[str, Sequence[Strip]]) -> None:
    """Compare screens with what is expected of them.

    Raises:
        AssertionError: one looks different; the message shows what it looks like now.
    """
    text = "\n".join(f"== {title}\n{drawn(strips)}" for title, strips in parts.items())
    path = EXPECTED / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert path.exists(), f"{path.name} is not there yet; UPDATE_SNAPSHOTS=1 writes it"
    wanted = path.read_text(encoding="utf-8")
    if text != wanted:
        first = next(
            (place for place, (a, b) in enumerate(zip(text.split("\n"), wanted.split("\n"), strict=False)) if a != b), 0
        )
        was, now = wanted.split("\n"), text.split("\n")
        shown = "\n".join(f"{'>' if place == first else ' '} {line}" for place, line in enumerate(now[: first + 3]))
        raise AssertionError(
            f"{path.name} line {first + 1} was:\n  {was[min(first, len(was) - 1)]}\nnow:\n{shown[-3000:]}"
        )
