"""What became of the memory files: ``memory/history.jsonl``, one line a change, and each earlier text of a file made from it again.

A line holds where the file was changed, what stood there and what stands there now. It is on the disk before the file is changed, so
nothing alpi does to a file is ever without its line; where a crash came in between, the next change finds the file as it was before and
the new one beside it, and says so (``void``). What a person changed by hand is found by the file's hash and kept whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from ...base.files import storage_errors
from ...base.journal import Journal, read_journal
from .entries import Patch, parse

FILES = MappingProxyType({"user": "USER.md", "memory": "MEMORY.md", "personality": "PERSONALITY.md"})
"""The memory files, by the name that tools and commands use."""


class Note(msgspec.Struct, frozen=True):
    """Where a change comes from: the session, the surface, and whether that turn had read text that nobody vouches for."""

    session: str = ""
    surface: str = ""
    untrusted: bool = False


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One change. ``action`` is ``add``, ``replace``, ``remove``, ``personality``, ``edit`` (``alpi memory edit``), ``hand`` (with an
    editor of the person's own), ``undo`` or ``void`` (the change ``about`` was never carried out).

    ``at``, ``before`` and ``after`` are the change to the file's text; with ``whole`` the text is ``after`` and nothing else is known.
    ``was`` and ``now`` are the SHA-256 of the file before and after, ``heads`` that of every file after.
    """

    id: int
    time: datetime
    action: str
    file: str
    session: str = ""
    surface: str = ""
    untrusted: bool = False
    about: int = 0
    at: int = 0
    before: str = ""
    after: str = ""
    whole: bool = False
    was: str = ""
    now: str = ""
    heads: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def old(self) -> str:
        """The words that went, ``""`` for none."""
        return _entry_words(self.before)

    @property
    def new(self) -> str:
        """The words that came, ``""`` for none."""
        return _entry_words(self.after)

    @property
    def patch(self) -> Patch:
        return Patch(self.at, self.before, self.after)


def hashed(text: str) -> str:
    """The SHA-256 of a file's text; the same for one that is not there as for an empty one."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""``hashed("")``."""


class History:
    """The journal of a profile's memory. Whoever writes holds the memory's lock.

    Args:
        path: ``<profile>/memory/history.jsonl``.
        redact: takes out secrets that a person may have written into a file by hand.
    """

    def __init__(self, path: Path, redact: Callable[[str], str]) -> None:
        self.path = path
        self._journal = Journal(path, redact)

    def append(self, change: Change) -> None:
        """Write a change down, and flush it to the disk.

        Raises:
            StorageError: it could not be written.
        """
        self._journal.append(change)

    def close(self) -> None:
        """Close the file."""
        self._journal.close()

    def last(self) -> Change | None:
        """The last change, without reading all of the file.

        Raises:
            StorageError: unreadable.
        """
        with storage_errors(self.path, "read"):
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except FileNotFoundError:
                return None
            try:
                for line in _backwards(descriptor):
                    if (change := _change(line)) is not None:
                        return change
            finally:
                os.close(descriptor)
        return None

    def read(self) -> tuple[tuple[Change, ...], tuple[str, ...]]:
        """All changes, oldest first, and what was wrong with the file.

        Raises:
            StorageError: unreadable.
        """
        text = read_journal(self.path)
        changes, warnings = [], list(text.warnings)
        for number, record in enumerate(text.records, 1):
            try:
                changes.append(msgspec.convert(record, Change))
            except msgspec.ValidationError as error:
                warnings.append(f"{self.path}: change {number} cannot be used ({error}); it was left out")
        return tuple(changes), tuple(warnings)

    def changes(self) -> tuple[Change, ...]:
        """The changes that were carried out, oldest first. Raises as ``read`` does."""
        return carried_out(self.read()[0])

    def at(self, file: str, change: int) -> str | None:
        """A file's text after change number ``change``; ``None`` where that is no longer known."""
        return text_after(self.changes(), file, change)

    def origin(self, file: str, words: str) -> Change | None:
        """The change that brought an entry, the last one if it came and went; ``None`` where that is not known."""
        changes = self.changes()
        found, before = None, False
        for change in changes:
            if change.file == file:
                text = (
                    text_after(changes, file, change.id) if change.whole or words in (change.old, change.new) else None
                )
                now = before if text is None else any(entry.words == words for entry in parse(text).entries)
                found = change if now and not before else found
                before = now
        return found

    def moved(self, change: Change) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The entries that a change took out of its file, and those that it brought; none where that is not known any more."""
        if not change.whole:
            return tuple(filter(None, [change.old])), tuple(filter(None, [change.new]))
        changes = self.changes()
        before, after = text_after(changes, change.file, change.id - 1), change.after
        if before is None:
            return (), ()
        old, new = ([entry.words for entry in parse(text).entries] for text in (before, after))
        return tuple(words for words in old if words not in new), tuple(words for words in new if words not in old)


def carried_out(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes that reached their file."""
    void = {change.about for change in changes if change.action == "void"}
    return tuple(change for change in changes if change.action != "void" and change.id not in void)


def text_after(changes: Iterable[Change], file: str, last: int) -> str | None:
    """A file's text after change ``last`` (0: before the first one), or ``None`` where it cannot be made again.

    ``changes`` are those that were carried out. Parts of a text that held a secret were not kept.
    """
    text: str | None = ""
    for change in changes:
        if change.file != file or change.id > last:
            continue
        if change.whole:
            text = change.after
        elif text is not None:
            try:
                text = change.patch.apply(text)
            except ValueError:
                text = None
        if text is not None and hashed(text) != change.now:
            text = None
    return text


def _entry_words(raw: str) -> str:
    return "\n\n".join(entry.words for entry in parse(raw).entries)


def _change(line: bytes) -> Change | None:
    try:
        return msgspec.json.decode(line, type=Change)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _backwards(descriptor: int) -> Iterator[bytes]:
    """The lines of a file, the last one first."""
    end = os.fstat(descriptor).st_size
    tail = b""
    while end > 0:
        start = max(0, end - 65536)
        tail = os.pread(descriptor, end - start, start) + tail
        first, *lines = tail.split(b"\n")
        yield from (line for line in reversed(lines) if line.strip())
        tail, end = first, start
    if tail.strip():
        yield tail


def describe(change: Change) -> dict[str, Any]:
    """A change for ``--json``: what happened and to which words, without what only the machinery needs."""
    told = msgspec.to_builtins(change)
    for name in ("heads", "was", "now", "at", "before", "after", "whole"):
        told.pop(name, None)
    if not change.whole:
        told |= {"old": change.old, "new": change.new}
    return dict(told)
