"""What takes a change to memory back, upon a file that may have changed since."""

from __future__ import annotations

from collections.abc import Sequence

from .entries import Document, Patch, adding, parse, removing, replacing
from .errors import NotKept
from .history import FILES, Change, hashed, text_after


def undoing(change: Change, changes: Sequence[Change], now: Document) -> Patch:
    """What takes a change back, upon what stands there now."""
    name = FILES[change.file]
    before = text_after(changes, change.file, change.id - 1)
    if change.whole:
        if hashed(now.text) != change.now:
            raise NotKept(
                "stands",
                f"{name} was changed since, so change {change.id} as a whole cannot be taken back",
                "alpi memory diff",
            )
        if before is None:
            raise NotKept("stands", f"what {name} was before change {change.id} is not known any more")
        return Patch(0, now.text, before)
    old, new = change.old, change.new
    standing = next((entry for entry in now.entries if entry.words == new), None) if new else None
    if new and standing is None:
        raise NotKept("stands", f"the entry was changed since and stands no more in {name}: {new}", "alpi memory show")
    if old and any(entry.words == old for entry in now.entries):
        raise NotKept("stands", f"the entry stands in {name} again already: {old}")
    if standing is not None:
        return replacing(now, standing, old) if old else removing(now, standing)
    return _put_back(change, before, now)


def _put_back(change: Change, before: str | None, now: Document) -> Patch:
    """A removed entry where it stood: after the one that it stood after, else at the end."""
    old = parse(before or "").entries
    place = next((number for number, entry in enumerate(old) if entry.words == change.old), 0)
    ahead = old[place - 1].words if place else None
    where = next((entry.end for entry in now.entries if entry.words == ahead), None)
    if hashed(now.text) == change.now:
        return Patch(change.at, change.after, change.before)
    if where is not None:
        patch = Patch(where, "", change.before)
        wanted = {entry.words for entry in now.entries} | {change.old}
        if {entry.words for entry in parse(patch.apply(now.text)).entries} == wanted:
            return patch
    return adding(now, change.old)
