"""What the store tells of a file, and of what an undo would do."""

from __future__ import annotations

from msgspec import Struct

from .history import Change

NEAR_FULL = 0.8
"""From this share of its limit on a file is said to be filling up."""


class FileState(Struct, frozen=True):
    """A memory file now: what its entries say, and how many of how many characters it has."""

    file: str
    entries: tuple[str, ...]
    used: int
    limit: int

    @property
    def near_full(self) -> bool:
        return self.used > NEAR_FULL * self.limit


class UndoPlan(Struct, frozen=True):
    """What taking a change back would do: the file's text now and then."""

    change: Change
    now: str
    then: str
