"""What the undo store keeps on the disk: contents by their hash, and a journal for each turn. No rules; those are in undo.py."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ..base.errors import UsageError
from ..base.files import private_dir, storage_errors, write_atomic
from ..base.journal import Journal, read_journal

VERSION = 1
ABSENT = "absent"
"""Stands for the hash of a file that does not exist."""
TURN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
HASH = re.compile(r"[0-9a-f]{64}")


def content_hash(data: bytes | None) -> str:
    """The name of a content: its SHA-256, or ``ABSENT`` for ``None``."""
    return ABSENT if data is None else hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, slots=True)
class Keep:
    """One change of one file: ``before`` and ``after`` are hashes. ``after`` is ``""`` until the change is known to be done;
    ``planned`` is what it was going to be, where that was known."""

    id: str
    path: Path
    before: str
    mode: int
    tool: str
    planned: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The journal of one turn, as read. ``restores`` names the turn that this one took back; ``left``: how many files it could not."""

    turn: str
    session: str
    started: datetime
    restores: str
    keeps: tuple[Keep, ...]
    left: int | None
    order: tuple[datetime, int, str]


class _Header(msgspec.Struct, frozen=True):
    turn: str
    session: str
    started: datetime
    version: int
    restores: str = ""


class _Keep(msgspec.Struct, frozen=True):
    id: str
    path: str
    before: str
    mode: int
    tool: str
    planned: str = ""
    raw: str = ""


class Objects:
    """Contents, each stored once under its SHA-256: ``objects/<hash>``, 0600."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Store a content; returns its hash. One that is there already is not written again."""
        name = content_hash(data)
        private_dir(self.folder)
        path = self.folder / name
        if not self._is_whole(path, len(data)):
            write_atomic(path, data)
        return name

    def get(self, name: str) -> bytes | None:
        """A content, or ``None`` where it is gone or is no longer what its name says."""
        if not HASH.fullmatch(name):
            return None
        try:
            descriptor = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                data = file.read()
        except OSError:
            return None
        return data if content_hash(data) == name else None

    def total(self) -> int:
        """The bytes of all contents."""
        return sum(size for _, size in self._all())

    def sweep(self, wanted: Iterable[str]) -> None:
        """Delete what is not wanted, and what an interrupted write has left behind."""
        keep = frozenset(wanted)
        for name, _ in self._all():
            if name not in keep:
                with storage_errors(self.folder / name, "delete"):
                    (self.folder / name).unlink(missing_ok=True)

    def _is_whole(self, path: Path, size: int) -> bool:
        try:
            return path.lstat().st_size == size
        except FileNotFoundError:
            return False

    def _all(self) -> list[tuple[str, int]]:
        with storage_errors(self.folder, "list"):
            try:
                with os.scandir(self.folder) as entries:
                    return [(entry.name, entry.stat(follow_symlinks=False).st_size) for entry in entries]
            except FileNotFoundError:
                return []


class Turns:
    """The journals, one file a turn: ``turns/<id>.jsonl``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self, turn: str) -> bool:
        """Whether a turn has a journal."""
        return self._path(turn).exists()

    def begin(self, turn: str, session: str, started: datetime, restores: str) -> None:
        """Start the journal of a turn."""
        header = _Header(turn, _storable(session), started, VERSION, restores)
        self._append(turn, {"record": "turn", **msgspec.to_builtins(header, builtin_types=(datetime,))})

    def keep(self, turn: str, path: Path, before: str, mode: int, tool: str, planned: str) -> str:
        """Note what a file is about to lose. Returns the note's id."""
        id = secrets.token_hex(6)
        text = str(path)
        raw = "" if _storable(text) == text else os.fsencode(path).hex()
        note = _Keep(id, _storable(text), before, mode, _storable(tool), planned, raw)
        self._append(turn, {"record": "keep", **msgspec.to_builtins(note)})
        return id

    def done(self, turn: str, id: str, after: str) -> None:
        """Note that a change was made."""
        self._append(turn, {"record": "done", "id": id, "after": after})

    def end(self, turn: str, left: int) -> None:
        """Note that a restore is over."""
        self._append(turn, {"record": "end", "left": left})

    def read(self, turn: str) -> Record | None:
        """A turn, or ``None`` where its journal is missing or has lost its beginning."""
        path = self._path(turn)
        records = read_journal(path).records
        keeps: dict[str, Keep] = {}
        header: _Header | None = None
        left: int | None = None
        for record in records:
            with contextlib.suppress(msgspec.ValidationError, ValueError):
                kind = record.get("record")
                if kind == "turn":
                    header = msgspec.convert(record, _Header)
                elif kind == "keep":
                    keep = _keep(msgspec.convert(record, _Keep))
                    keeps[keep.id] = keep
                elif kind == "done" and record.get("id") in keeps:
                    keep = keeps[record["id"]]
                    after = str(record.get("after", ""))
                    keeps[keep.id] = Keep(keep.id, keep.path, keep.before, keep.mode, keep.tool, keep.planned, after)
                elif kind == "end":
                    left = msgspec.convert(record.get("left"), int)
        if header is None or header.turn != turn or header.version != VERSION:
            return None
        with storage_errors(path, "read"):
            order = (header.started, path.stat().st_mtime_ns, turn)
        return Record(turn, header.session, header.started, header.restores, tuple(keeps.values()), left, order)

    def all(self) -> list[Record]:
        """All turns, oldest first."""
        found = [record for turn in self._names() if (record := self.read(turn)) is not None]
        return sorted(found, key=lambda record: record.order)

    def started(self) -> Iterator[tuple[str, datetime | None]]:
        """Each turn with the moment it began (``None``: not readable), without reading more than its first line."""
        for turn in self._names():
            with storage_errors(self.folder, "read"):
                try:
                    with self._path(turn).open("rb") as file:
                        line = file.readline(4096)
                except FileNotFoundError:
                    continue
            try:
                yield turn, msgspec.json.decode(line, type=_Header).started
            except msgspec.DecodeError:
                yield turn, None

    def delete(self, turn: str) -> None:
        """Forget a turn."""
        with storage_errors(self.folder, "delete from"):
            self._path(turn).unlink(missing_ok=True)

    def _path(self, turn: str) -> Path:
        if not TURN.fullmatch(turn):
            raise UsageError(f"{turn!r} cannot be the name of a turn", "They are listed by: alpi undo --list")
        return self.folder / f"{turn}.jsonl"

    def _names(self) -> list[str]:
        with storage_errors(self.folder, "list"):
            try:
                names = [name.removesuffix(".jsonl") for name in os.listdir(self.folder) if name.endswith(".jsonl")]
            except FileNotFoundError:
                return []
        return [name for name in names if TURN.fullmatch(name)]

    def _append(self, turn: str, record: dict[str, Any]) -> None:
        journal = Journal(self._path(turn))
        try:
            journal.append(record)
        finally:
            journal.close()


def _keep(note: _Keep) -> Keep:
    path = Path(os.fsdecode(bytes.fromhex(note.raw))) if note.raw else Path(note.path)
    if not path.is_absolute():
        raise ValueError("not an absolute path")
    return Keep(note.id, path, note.before, note.mode & 0o777, note.tool, note.planned)


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
