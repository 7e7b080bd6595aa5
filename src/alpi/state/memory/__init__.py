"""The three memory files and their history. ``MemoryStore`` is the way in."""

from __future__ import annotations

from .entries import Entry
from .errors import NotKept
from .history import FILES, Change, Note, describe
from .presets import preset, preset_names
from .snapshot import Snapshot, Withheld
from .states import FileState, UndoPlan
from .store import MemoryStore

__all__ = [
    "FILES",
    "Change",
    "Entry",
    "FileState",
    "MemoryStore",
    "NotKept",
    "Note",
    "Snapshot",
    "UndoPlan",
    "Withheld",
    "describe",
    "preset",
    "preset_names",
]
