"""Pieces one below the other: how high each is, and which of them lies where. Knows nothing of the screen."""

from __future__ import annotations

from bisect import bisect_right

from textual.strip import Strip

from ..look import Look
from .pieces import Piece

# Lines of this many pieces around what is in sight are kept.
MOST_SET = 300


class Slot:
    """A piece, and its lines as they were set last (``None``: not set, or out of date). ``settled``: its height is known, not
    guessed. ``shown``: the lines as the screen had them last, by row; ``shown_for`` what they were made for."""

    __slots__ = ("height", "piece", "settled", "shown", "shown_for", "strips")

    def __init__(self, piece: Piece, width: int) -> None:
        self.piece = piece
        self.strips: list[Strip] | None = None
        self.shown: dict[int, Strip] = {}
        self.shown_for: object = None
        self.height = piece.gap + piece.guess(width)
        self.settled = False

    def set(self, width: int, look: Look) -> bool:
        """Set the lines if need be. Returns whether the height turned out to be another one."""
        if self.strips is not None:
            return False
        before = self.height
        self.strips = self.piece.lines(width, look)
        self.shown.clear()
        self.height = self.piece.gap + len(self.strips)
        self.settled = True
        return self.height != before

    def forget(self) -> None:
        """Forget the lines; the height stays."""
        self.strips = None
        self.shown.clear()


class Stack:
    """The slots, and where each begins."""

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self.tops: list[int] = [0]
        """Where each slot begins, and at last where the stack ends."""
        self._places: dict[Piece, int] = {}

    @property
    def height(self) -> int:
        return self.tops[-1]

    def add(self, piece: Piece, width: int) -> None:
        """Put a piece below all others. ``lay`` must follow."""
        if not self.slots:
            piece.gap = 0
        self._places[piece] = len(self.slots)
        self.slots.append(Slot(piece, width))

    def drop(self, piece: Piece) -> int:
        """Take a piece away; gives its place. ``lay`` must follow."""
        place = self._places.pop(piece)
        del self.slots[place]
        for number in range(place, len(self.slots)):
            self._places[self.slots[number].piece] = number
        return place

    def place(self, piece: Piece) -> int | None:
        """Where a piece stands, counted from the first."""
        return self._places.get(piece)

    def lay(self, first: int = 0) -> None:
        """Heights changed from a slot on: find out anew where each begins."""
        del self.tops[first + 1 :]
        top = self.tops[-1]
        append = self.tops.append
        for slot in self.slots[first:]:
            top += slot.height
            append(top)

    def at(self, y: int) -> int:
        """The slot in which a line lies."""
        return max(0, min(bisect_right(self.tops, y) - 1, len(self.slots) - 1))

    def rewrap(self, width: int) -> None:
        """The width is another one: no height is known any more."""
        for slot in self.slots:
            slot.forget()
            if not slot.settled:
                slot.height = slot.piece.gap + slot.piece.guess(width)
            slot.settled = False
        self.lay()

    def forget_far(self, y: int) -> None:
        """Forget the lines of slots far from a line of the stack."""
        here = self.at(y)
        for slot in [*self.slots[: max(0, here - MOST_SET // 2)], *self.slots[here + MOST_SET // 2 :]]:
            slot.forget()
