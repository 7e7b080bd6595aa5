"""Reading a journal from its end: the newest lines of a long file, without the rest of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

BLOCK = 1 << 16


def backwards(descriptor: int, start: int, end: int, block: int = BLOCK) -> Iterator[tuple[int, bytes]]:
    """Place and bytes of the whole lines between two places, the last one first. A last line without its newline is left out."""
    rest: list[bytes] = []  # of a line that begins before what was read, the last part first
    whole = False
    while end > start:
        begin = max(start, end - block)
        place = end
        pieces = os.pread(descriptor, end - begin, begin).split(b"\n")
        for number in range(len(pieces) - 1, -1, -1):
            piece = pieces[number]
            place -= len(piece)
            if number or begin == start:
                if whole:
                    line = b"".join([piece, *reversed(rest)]) + b"\n"
                    yield place, line
                rest.clear()
                whole = True
                place -= 1
            else:
                rest.append(piece)
        end = begin
