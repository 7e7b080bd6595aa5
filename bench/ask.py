"""How long one question takes against a model that answers at once, as a multiple of a bare script that sends the same request."""

from __future__ import annotations

from .measure import Row, interleaved, ratio_row
from .scripted import pair

AIM = 2.0


def run() -> list[Row]:
    """Without a tool call."""
    with pair() as both:
        runs = interleaved({"floor": both.floor, "alpi": both.alpi}, 30)
    return [ratio_row("alpi ask ping to a bare script", runs["alpi"], runs["floor"], AIM)]
