"""Which entry a few words mean, and which entries a person could merge when a file is full."""

from __future__ import annotations

from collections.abc import Sequence

from .entries import Entry, as_words
from .errors import NotKept
from .history import FILES
from .likeness import Likeness, folded, likeness, overlap, same


def named(file: str, entries: Sequence[Entry], old: str) -> Entry:
    """The entry that a text means.

    Raises:
        NotKept: none, or more than one.
    """
    wanted = as_words(old)
    name = FILES[file]
    if not wanted:
        raise NotKept("missing", f"say which entry of {name}", "Give its text, or a part that only it has, as old")
    exact = [entry for entry in entries if entry.words == wanted]
    like = likeness(wanted)
    found = exact or [entry for entry in entries if same(likeness(entry.words), like)]
    found = found or [entry for entry in entries if folded(wanted) in folded(entry.words)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = "; ".join(f"“{short(entry)}”" for entry in found[:8])
        raise NotKept("unclear", f"{len(found)} entries of {name} fit {wanted!r}", f"Give more of one: {listed}")
    near = sorted(entries, key=lambda entry: -overlap(likeness(entry.words), like))[:5]
    listed = "; ".join(f"“{short(entry)}”" for entry in near) or "it has no entries"
    raise NotKept("missing", f"{name} has no entry {wanted!r}", f"Nearest: {listed}" if near else listed)


def to_consolidate(entries: Sequence[tuple[Entry, Likeness]]) -> str:
    """Which entries could be merged or shortened, in words."""
    pairs = [
        (overlap(like, other_like), one, other)
        for place, (one, like) in enumerate(entries[:100])
        for other, other_like in entries[place + 1 : 100]
    ]
    told = []
    alike = max(pairs, key=lambda pair: pair[0], default=None)
    if alike is not None and alike[0] >= 0.3:
        told.append(f"most alike: “{short(alike[1])}” and “{short(alike[2])}”")
    longest = sorted((entry for entry, _ in entries), key=lambda entry: -len(entry.words))[:3]
    told.append("longest: " + ", ".join(f"“{short(entry)}”" for entry in longest))
    return (
        f"Ask the user what to merge or remove, then use replace or remove; nothing goes by itself ({'; '.join(told)})"
    )


def short(entry: Entry) -> str:
    return entry.line if len(entry.line) <= 60 else entry.line[:59] + "…"
