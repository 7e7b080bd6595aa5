"""The hash chain of the audit log, without files: how a line is sealed, and what is wrong with a run of lines.

A line is one JSON object whose last field is ``hash``: the SHA-256 of the line's exact bytes with that field taken out
(``…,"hash":"…"}`` becomes ``…}``). ``prev`` is the hash of the line before, ``seq`` counts from 1. So one changed byte breaks its own
line, and a line that was written anew, taken out, put in or moved breaks the next. What follows the last line is known from the head
record, which is kept in another place.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

GENESIS = "0" * 64
"""What the very first line names as the hash before it."""
MOST = 100
"""Findings that are told; one bad place can bring many."""
SEAL = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}', re.DOTALL)

Kind = Literal["altered", "removed", "reordered", "truncated", "foreign"]


class Begin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the chain begins on the disk: the first line that must be there, and the hash that it builds on."""

    seq: int = 1
    prev: str = GENESIS


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The head record: the last line (its number, hash and file), and where the chain begins since old files were deleted."""

    version: Literal[1] = 1
    seq: int = 0
    hash: str = GENESIS
    file: str = ""
    begin: Begin = Begin()


class Sealed(msgspec.Struct, frozen=True):
    """What the chain needs of a line. ``found``: what the writer noticed to be wrong when it wrote this line."""

    seq: int
    prev: str
    found: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line in its place. ``seq`` is 0 where it is not a whole, unchanged line of the log."""

    file: str
    number: int
    seq: int = 0
    prev: str = ""
    hash: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One bad place: file, line number (from 1), what happened to it, and a sentence about it."""

    file: str
    line: int
    kind: Kind
    detail: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.kind}: {self.detail}"


def seal(body: Mapping[str, Any]) -> tuple[bytes, str]:
    """A line's bytes (with its newline) and its hash. ``body`` holds ``seq`` and ``prev`` and no ``hash``."""
    text = msgspec.json.encode(body)
    digest = hashlib.sha256(text).hexdigest()
    return text[:-1] + b',"hash":"' + digest.encode() + b'"}\n', digest


def unseal(file: str, number: int, raw: bytes) -> Line:
    """A line as it was read, without its newline."""
    match = SEAL.fullmatch(raw)
    digest = match[2].decode() if match is not None else ""
    if match is None or hashlib.sha256(match[1] + b"}").hexdigest() != digest:
        return Line(file, number)
    try:
        sealed = msgspec.json.decode(match[1] + b"}", type=Sealed)
    except msgspec.DecodeError:
        return Line(file, number)
    if sealed.seq < 1:
        return Line(file, number)
    return Line(file, number, sealed.seq, sealed.prev, digest, sealed.found)


def check(lines: Sequence[Line], head: Head | None, log: str) -> list[Finding]:
    """What is wrong with the lines of all files in order, the first bad place first. ``log`` names the present file.

    The head may be one line behind, because a crash can come between a line and its head; never more.
    """
    walk = _Walk(lines, head or Head())
    for place, line in enumerate(lines):
        walk.step(place, line)
    walk.end()
    end = (log, lines[-1].number if lines and lines[-1].file == log else 0)
    if head is None:
        # A crash before the very first head leaves one line and no head.
        if len(lines) > 1 or any(line.seq != 1 for line in lines):
            walk.note(
                len(lines), *end, "truncated", "the head record is missing: lines after this one may have been cut off"
            )
    elif walk.top < head.seq and not walk.covered(head.seq):
        gone = head.seq - walk.top
        walk.note(
            len(lines), end[0], end[1] + 1, "truncated", f"the last {gone} {_lines(gone)}, up to {head.seq}, cut off"
        )
    return walk.findings()


def _lines(count: int) -> str:
    return "line was" if count == 1 else "lines were"


@dataclass(slots=True)
class _Walk:
    """One pass over the lines: ``good`` is the last whole line, ``before`` the one ahead of it, ``bad`` what came since."""

    lines: Sequence[Line]
    head: Head
    good: Line = field(default_factory=lambda: Line("", 0))
    before: Line = field(default_factory=lambda: Line("", 0))
    good_place: int = -1
    bad: list[int] = field(default_factory=list)
    top: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    seen: set[int] = field(default_factory=set)
    noted: dict[tuple[int, Kind], Finding] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts.update(line.seq for line in self.lines if line.seq)
        begin = self.head.begin
        first = next((line for line in self.lines if line.seq), None)
        if first is not None and first.seq < begin.seq:
            # A crash came between recording a new beginning and deleting the old files: they still chain.
            begin = Begin(first.seq, first.prev) if first.seq > 1 else Begin()
        self.good = Line("", 0, begin.seq - 1, "", begin.prev)
        self.top = begin.seq - 1

    def note(self, place: int, file: str, number: int, kind: Kind, detail: str) -> None:
        """Keep a finding; one of a kind for each place."""
        self.noted.setdefault((place, kind), Finding(file, max(1, number), kind, detail))

    def at(self, place: int, kind: Kind, detail: str) -> None:
        """A finding at one of the lines."""
        self.note(place, self.lines[place].file, self.lines[place].number, kind, detail)

    def findings(self) -> list[Finding]:
        """All of them in the order of the log."""
        return [self.noted[key] for key in sorted(self.noted, key=lambda key: key[0])][:MOST]

    def covered(self, seq: int) -> bool:
        """Whether lines that were found altered at the end stand for all up to ``seq``."""
        return bool(self.bad) and seq - self.good.seq <= len(self.bad)

    def step(self, place: int, line: Line) -> None:
        """Look at the next line."""
        if not line.seq:
            self.bad.append(place)
            return
        missing = line.seq - self.good.seq - 1
        if not self.bad and self._stray(place, line):
            return
        if self.bad:
            self._explain_bad(missing, fits=missing == 0 and line.prev == self.good.hash)
            missing -= len(self.bad)
            if missing > 0:
                self._gap(place, line, missing)
        elif missing == 0:
            if line.prev != self.good.hash:
                self._unfit(place)
        elif missing > 0:
            self._gap(place, line, missing)
        else:
            self._back(place, line)
        self._against_head(place, line)
        if line.found:
            self.at(place, "truncated", f"when line {line.seq} was written, {line.found}")
        self.bad = []
        self.before, self.good, self.good_place = self.good, line, place
        self.seen.add(line.seq)
        self.top = max(self.top, line.seq)

    def end(self) -> None:
        """After the last line."""
        if self.bad:
            self._explain_bad(self.head.seq - self.good.seq, fits=0 < self.head.seq <= self.good.seq)

    def _explain_bad(self, missing: int, fits: bool) -> None:
        own = 0 if fits else max(1, missing)
        for place in self.bad[:own]:
            self.at(place, "altered", "it is not what was written: its hash does not fit it")
        for place in self.bad[own:]:
            self.at(place, "foreign", "it was not written by the log")

    def _stray(self, place: int, line: Line) -> bool:
        """Whether this line can be left out, because the one after it goes on exactly where the log was before it."""
        if line.prev == self.good.hash and line.seq == self.good.seq + 1 and line.seq not in self.seen:
            return False
        after = self.lines[place + 1] if place + 1 < len(self.lines) else None
        if after is not None:
            goes_on = after.seq == self.good.seq + 1 and after.prev == self.good.hash
        else:
            goes_on = self.good.seq == self.head.seq > 0 and self.good.hash == self.head.hash
        if not goes_on or (after is not None and after.hash == line.hash):
            return False
        if line.seq > self.good.seq + 1 and self.counts[line.seq] == 1 and line.seq <= self.head.seq:
            self.at(place, "reordered", f"line {line.seq} of the log stands where {self.good.seq + 1} should")
            self.top = max(self.top, line.seq)
        else:
            self.at(place, "foreign", "it was put in: the log goes on without it")
        return True

    def _unfit(self, place: int) -> None:
        detail = "it was written anew: the line after it builds on another hash"
        if self.good_place >= 0:
            self.at(self.good_place, "altered", detail)
        else:
            self.at(place, "altered", "it does not build on what stood before it")

    def _gap(self, place: int, line: Line, missing: int) -> None:
        wanted = range(self.good.seq + 1, line.seq)
        if any(seq in self.counts for seq in wanted):
            self.at(place, "reordered", f"line {line.seq} of the log stands where {self.good.seq + 1} should")
        else:
            self.at(place, "removed", f"{missing} {_lines(missing)} taken out before line {line.seq} of the log")

    def _back(self, place: int, line: Line) -> None:
        if line.seq == self.before.seq + 1 and line.prev == self.before.hash:
            self.at(self.good_place, "foreign", "it was put in: the line after it builds on the one before it")
        elif line.seq in self.seen:
            self.at(place, "foreign", f"line {line.seq} of the log stands here once more")
        else:
            self.at(place, "reordered", f"line {line.seq} of the log comes after {self.good.seq}")

    def _against_head(self, place: int, line: Line) -> None:
        head = self.head
        if head.seq and line.seq == head.seq and line.hash != head.hash:
            self.at(place, "altered", "it was written anew: the head record holds another hash")
        elif head.seq and line.seq > head.seq + 1:
            self.at(place, "foreign", f"it was added behind the log's back: the head record ends at {head.seq}")
