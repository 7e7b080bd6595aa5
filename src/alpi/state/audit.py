"""The audit log, ``logs/approval.log``: every caution and dangerous verdict and its answer, in a chain that shows tampering.

Each line builds on the hash of the one before (chain.py). The head record, ``run/approval.head``, holds the last line's number and hash
in another place, so that a cut end is found as well. A line is flushed to the disk first and the head follows: a crash between the two
leaves the head one line behind, which ``verify`` accepts and the next writer makes good before it adds anything.

The chain has no key. It shows what an editor, a script or a mishap did to the log; it cannot stop somebody who may write both files
and knows the format from making a new chain. Whoever fears that sends the log elsewhere as it grows (``alpi audit export``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from ..base.clock import Clock
from ..base.errors import StorageError
from ..base.files import PRIVATE_FILE, private_dir, storage_errors, sync_dir, write_atomic
from .chain import Begin, Finding, Head, Line, check, seal, unseal
from .held import held
from .rotation import Rotation, rotate, rotated, surplus
from .syslog import syslog_line

NAME = "approval.log"
LONGEST = 4000
"""Characters of one field; what is longer is cut, so that a line stays a line."""

Format = Literal["jsonl", "syslog"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One verdict and what came of it, in plain words.

    ``asker`` is who could answer (``person``, or ``nobody`` where it was unattended), ``what`` the action in one line, ``tier``
    ``caution`` or ``dangerous`` (``safe`` for the call of a server's tool that only reads, by the owner's word), ``scope`` what an approval
    covers. ``decision`` is ``once``, ``session``, ``always``, ``covered: ...`` or ``allowed`` where it was permitted, ``no``,
    ``refused...`` or ``taken back`` where it was not.
    """

    session: str
    surface: str
    asker: str
    tool: str
    what: str
    tier: str
    decision: str
    scope: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What ``verify`` found. ``first`` and ``last`` are line numbers of the chain (0: none), ``hash`` that of the last line;
    ``notes`` are harmless and worth knowing."""

    entries: int
    first: int
    last: int
    hash: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


@dataclass(frozen=True, slots=True)
class _Tail:
    """The end of the log: its last line. ``empty``: there is none at all."""

    line: Line
    empty: bool


class AuditLog:
    """The audit log of a profile. Several processes may write at once.

    Args:
        folder: ``<profile>/logs``; the head record and the lock are in ``run`` beside it.
        redact: takes out secrets; every text passes it before it is hashed and written.
    """

    def __init__(
        self, folder: Path, clock: Clock, redact: Callable[[str], str], rotation: Rotation | None = None
    ) -> None:
        self.path = folder / NAME
        self.head_path = folder.parent / "run" / "approval.head"
        self._lock_path = folder.parent / "run" / "approval.lock"
        self._clock = clock
        self._redact = redact
        self._rotation = rotation or Rotation()

    def record(self, entry: AuditEntry) -> int:
        """Write one entry and flush it to the disk. Returns its number in the chain.

        Raises:
            StorageError: it could not be written, for example because the disk is full. What nobody can look up later must not
                happen: the gate then refuses the action.
        """
        with held(self._lock_path, NAME):
            head, trouble = self._read_head()
            tail = self._tail()
            seq, prev, found = _go_on(head, tail, trouble)
            head = head or Head()
            if not found and tail.line.seq == head.seq + 1:  # a crash came between a line and its head
                head = self._write_head(msgspec.structs.replace(head, seq=seq, hash=prev, file=NAME))
            body = self._body(entry, seq + 1, prev, found)
            data, digest = seal(body)
            if self._is_full(len(data)):
                former, head = self._rotate(head, Begin(seq + 1, prev))
                data, digest = seal({"former": former, **body})
            before = self._append(data)
            try:
                self._write_head(msgspec.structs.replace(head, seq=seq + 1, hash=digest, file=NAME))
            except StorageError:
                self._take_back(before)
                raise
        return seq + 1

    def verify(self) -> AuditReport:
        """Check every line that is on the disk, and the end against the head record.

        Raises:
            StorageError: a file cannot be read.
        """
        lines: list[Line] = []
        notes: list[str] = []
        with self._snapshot() as (files, head, trouble):
            for name, file, size in files:
                for number, raw, whole in _lines_of(file, size):
                    if whole or name != NAME:
                        lines.append(unseal(name, number, raw) if whole else Line(name, number))
                    else:
                        notes.append(f"{name}, line {number} was cut off while it was being written; it never counted")
        findings = check(lines, head, NAME)
        if trouble and lines and head is None and not findings:
            notes.append(trouble)
        good = [line for line in lines if line.seq]
        first, last = (good[0].seq, good[-1].seq) if good else (0, 0)
        if first > 1 and head is not None and head.begin.seq == first:
            notes.insert(0, f"the chain begins at {first}; earlier files were rotated out")
        if not findings and last > (head.seq if head is not None else 0):
            notes.append(f"the head record is one line behind, as a crash leaves it; line {last} counts")
        return AuditReport(len(lines), first, last, good[-1].hash if good else "", tuple(findings), tuple(notes))

    def export(self, format: Format = "jsonl", host: str = "-") -> Iterator[str]:
        """The whole log as lines of text, oldest first: as they stand, or as RFC 5424 messages from ``host``."""
        with self._snapshot() as (files, _, _):
            for name, file, size in files:
                for number, raw, whole in _lines_of(file, size):
                    if format == "jsonl":
                        if whole:
                            yield raw.decode("utf-8", "backslashreplace")
                    elif whole or name != NAME:
                        yield syslog_line(raw, f"{name}, line {number}", host)

    def tail(self, limit: int) -> list[dict[str, Any]]:
        """The last entries, oldest first; what cannot be read is left out."""
        found: list[dict[str, Any]] = []
        with self._snapshot() as (files, _, _):
            for _, file, size in reversed(files):
                raws = [raw for _, raw, whole in _lines_of(file, size) if whole][-(limit - len(found)) :]
                found = [record for raw in raws if (record := _decoded(raw)) is not None] + found
                if len(found) >= limit:
                    break
        return found

    def _body(self, entry: AuditEntry, seq: int, prev: str, found: str) -> dict[str, Any]:
        texts = {name: self._clean(getattr(entry, name)) for name in entry.__slots__}
        time = self._clock.now().isoformat(timespec="milliseconds")
        return {"seq": seq, "time": time, **texts, **({"found": found} if found else {}), "prev": prev}

    def _clean(self, text: str) -> str:
        clean = self._redact(text.encode("utf-8", "backslashreplace").decode())
        return clean if len(clean) <= LONGEST else clean[: LONGEST - 1] + "…"

    def _read_head(self) -> tuple[Head | None, str]:
        """The head record, or ``None`` with what is wrong with it."""
        with storage_errors(self.head_path, "read"):
            try:
                data = self.head_path.read_bytes()
            except FileNotFoundError:
                return None, "the head record was missing"
        try:
            return msgspec.json.decode(data, type=Head), ""
        except msgspec.DecodeError:
            return None, "the head record could not be read"

    def _write_head(self, head: Head) -> Head:
        private_dir(self.head_path.parent)
        write_atomic(self.head_path, msgspec.json.encode(head) + b"\n")
        return head

    def _tail(self) -> _Tail:
        """The last line of the newest file that has one; a torn one, which nobody was told of, is cut off first."""
        self._cut_torn_line()
        for path in [self.path, *reversed(rotated(self.path))]:
            with storage_errors(path, "read"):
                try:
                    with path.open("rb") as file:
                        raw = _last_line(file)
                except FileNotFoundError:
                    continue
            if raw:
                return _Tail(unseal(path.name, 0, raw), empty=False)
        return _Tail(Line("", 0), empty=True)

    def _cut_torn_line(self) -> None:
        with storage_errors(self.path, "mend"):
            try:
                with self.path.open("r+b") as file:
                    size = file.seek(0, os.SEEK_END)
                    keep = _whole_size(file, size)
                    if keep != size:
                        file.truncate(keep)
                        os.fsync(file.fileno())
            except FileNotFoundError:
                pass  # there is no line yet

    def _is_full(self, more: int) -> bool:
        with storage_errors(self.path, "look at"):
            try:
                size = self.path.stat().st_size
            except FileNotFoundError:
                return False
        return size > 0 and size + more > self._rotation.largest

    def _rotate(self, head: Head, upcoming: Begin) -> tuple[str, Head]:
        """Number the full file; the head record knows of a later beginning before any file is deleted."""
        former = rotate(self.path).name
        gone = surplus(self.path, self._rotation.keep)
        if gone:
            begin = self._first_of(rotated(self.path)[len(gone)]) if self._rotation.keep else upcoming
            if begin is not None:
                head = self._write_head(msgspec.structs.replace(head, begin=begin))
                for path in gone:
                    with storage_errors(path, "delete"):
                        path.unlink(missing_ok=True)
        return former, head

    def _first_of(self, path: Path) -> Begin | None:
        """Where a file begins; ``None`` where its first line is broken, and then nothing is deleted."""
        with storage_errors(path, "read"), path.open("rb") as file:
            line = unseal(path.name, 1, file.readline().rstrip(b"\n"))
        return Begin(line.seq, line.prev) if line.seq else None

    def _append(self, data: bytes) -> int:
        """Add bytes, all or none. Returns the size before."""
        private_dir(self.path.parent)
        with storage_errors(self.path, "write to"):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, PRIVATE_FILE)
            try:
                state = os.fstat(descriptor)
                if state.st_mode & 0o077:
                    os.fchmod(descriptor, PRIVATE_FILE)
                try:
                    while data:
                        data = data[os.write(descriptor, data) :]
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, state.st_size)
                    raise
                if not state.st_size:
                    sync_dir(self.path.parent)
                return state.st_size
            finally:
                os.close(descriptor)

    def _take_back(self, size: int) -> None:
        with storage_errors(self.path, "mend"):
            os.truncate(self.path, size)

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[list[tuple[str, BinaryIO, int]], Head | None, str]]:
        """All files, oldest first, open and with the sizes they had at one moment, and the head record of that moment."""
        if not self.path.parent.is_dir() and not self.head_path.exists():
            yield [], None, ""
            return
        with ExitStack() as stack:
            files: list[tuple[str, BinaryIO, int]] = []
            with held(self._lock_path, NAME):
                head, trouble = self._read_head()
                for path in [*rotated(self.path), self.path]:
                    with storage_errors(path, "read"):
                        try:
                            file = stack.enter_context(path.open("rb"))
                        except FileNotFoundError:
                            continue
                        files.append((path.name, file, os.fstat(file.fileno()).st_size))
            yield files, head, trouble


def _go_on(head: Head | None, tail: _Tail, trouble: str) -> tuple[int, str, str]:
    """Which line the next one builds on (number, hash), and what is wrong, for the next line to say.

    Where the log's end and the head record disagree, the chain goes on from the head: then the break shows for ever.
    """
    line = tail.line
    if head is None:
        first = tail.empty or (line.seq == 1 and trouble.endswith("missing"))
        return line.seq, line.hash or Head().hash, "" if first else trouble
    if line.seq == head.seq and line.hash == head.hash:
        return line.seq, line.hash, ""
    if tail.empty and not head.seq:
        return 0, head.hash, ""
    if line.seq == head.seq + 1 and line.prev == head.hash:
        return line.seq, line.hash, ""
    if line.seq > head.seq:
        return line.seq, line.hash, f"the log ended at {line.seq} and the head record at {head.seq}"
    ended = (
        f"ended at {line.seq}" if line.seq else "had no line" if tail.empty else "ended in a line that is not its own"
    )
    return head.seq, head.hash, f"the log {ended} and the head record at {head.seq}"


def _lines_of(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Line number, bytes without newline, and whether the newline was there, up to ``size`` bytes."""
    number = 0
    while size > 0:
        raw = file.readline(size)
        if not raw:
            return
        size -= len(raw)
        number += 1
        yield number, raw.removesuffix(b"\n"), raw.endswith(b"\n")


def _whole_size(file: BinaryIO, size: int) -> int:
    """How much of a file is whole lines."""
    end = size
    while end > 0:
        start = max(0, end - 65536)
        file.seek(start)
        place = file.read(end - start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        end = start
    return 0


def _last_line(file: BinaryIO) -> bytes:
    """The last line of a file that ends with a newline; empty where the file is."""
    size = file.seek(0, os.SEEK_END)
    if size < 2:
        return b""
    start = _whole_size(file, size - 1)
    file.seek(start)
    return file.read(size - start).rstrip(b"\n")


def _decoded(raw: bytes) -> dict[str, Any] | None:
    try:
        record = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None
    return record if isinstance(record, dict) else None
