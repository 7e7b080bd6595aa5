"""A change to a file as lines for a person: what goes in red, what comes in green."""

from __future__ import annotations

from ..base.text import escaped
from .terminal import Style


def is_diff(text: str) -> bool:
    """Whether a text is a unified diff."""
    return text.startswith("--- ") and "\n+++ " in text


def diff_lines(diff: str, style: Style, most: int) -> list[str]:
    """A unified diff as lines, without its head and with hidden characters visible; at most ``most`` and one that counts the rest."""
    shown: list[str] = []
    for line in diff.split("\n")[2:]:
        if line.startswith("@@"):
            if shown:
                shown.append(style.paint(style.dim, "…"))
            continue
        colour = {"+": style.green, "-": style.red}.get(line[:1], style.dim)
        shown.append(style.paint(colour, escaped(f"{line[:1]} {line[1:]}")))
    if len(shown) > most + 1:
        shown[most:] = [style.paint(style.dim, f"… {len(shown) - most} more lines")]
    return shown
