"""The same as ``ask`` with one tool call: two requests, and a file read in between."""

from __future__ import annotations

from .measure import Row, interleaved, ratio_row
from .scripted import pair

AIM = 2.0


def run() -> list[Row]:
    """With one call of read_file."""
    with pair(tool_call=True) as both:
        runs = interleaved({"floor": both.floor, "alpi": both.alpi}, 30)
    return [ratio_row("the same with one tool call", runs["alpi"], runs["floor"], AIM)]
