"""The peak of resident memory of one question, with and without a tool call."""

from __future__ import annotations

from .measure import Row, interleaved
from .scripted import pair

AIM_MB = 60.0


def run() -> list[Row]:
    """As the kernel counts it (``ru_maxrss``)."""
    rows = []
    for what, tool_call in (("peak memory of alpi ask", False), ("the same with one tool call", True)):
        with pair(tool_call) as both:
            runs = interleaved({"floor": both.floor, "alpi": both.alpi}, 5)
        alpi, floor = runs["alpi"].peak_mb, runs["floor"].peak_mb
        rows.append(
            Row(what, f"{alpi:.1f} MB", f"{floor:.1f} MB", alpi, AIM_MB, " MB", f"{alpi / floor:.2f} times the floor")
        )
    return rows
