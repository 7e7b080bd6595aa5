"""The ledger, ``ledger.jsonl``: every model call with what it used and cost, and what is set aside for the calls that are running.

A call is two lines: ``reserve`` before it is made, ``call`` (or ``free``, when it never got an answer) when it is over. Both carry the
moment it was begun, and it counts towards that day. The file only ever grows, by about half a kilobyte a call; it is read from its
end, back to where the day begins, and within a process from where it was read last. A person may move it away at any time: a new one is
begun.

What a process has set aside when it dies stays set aside until the day is over: the request had probably gone out, and what was asked
for is paid for. It is marked, and ``alpi cost --release`` takes it back.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Annotated

import msgspec

from ..base.clock import Clock
from ..base.errors import StorageError
from ..base.files import storage_errors
from ..base.journal import Journal
from ..base.message import Usage
from .backwards import backwards
from .budget import NANO, Cap, Day, Need, Used, check, day_of
from .held import held
from .living import birth, is_living

Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Dollars = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]

# A call is written down when it is over, with the time when it was begun: so long before a day's lines may still be some of its own.
MARGIN = timedelta(hours=12)
# A single line may carry a wrong time (a clock that was not set yet): only so many old ones in a row mean that all before are old.
OLD_IN_A_ROW = 64
# After this long, a call whose process cannot be told apart from a later one of the same number is taken for dead.
LONGEST_CALL = timedelta(hours=6)
# So many bytes before the place that was read to are compared, to see that the file was not replaced.
KEPT = 4096


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record"):
    """What all lines have: the call's name, when it was begun, and by whom."""

    id: str
    time: Moment
    model: str = ""
    surface: str = ""
    asker: str = ""
    session: str = ""
    purpose: str = "turn"


class Reserve(Line, frozen=True, kw_only=True, tag="reserve"):
    """A call is about to be made: what is set aside for it (``usd`` of ``None``: not known), and the process that makes it."""

    tokens: Count = 0
    usd: Dollars | None = None
    pid: int = 0
    born: str = ""


class Call(Line, frozen=True, kw_only=True, tag="call"):
    """A call that is over. Tokens as in ``Usage``; ``usd`` of ``None``: its price is not known."""

    input: Count = 0
    output: Count = 0
    cached: Count = 0
    cache_write: Count = 0
    reasoning: Count = 0
    usd: Dollars | None = None
    source: str = ""


class Free(Line, frozen=True, kw_only=True, tag="free"):
    """A call that never got an answer; nothing is set aside for it any more."""


Record = Reserve | Call | Free
DECODER = msgspec.json.Decoder(Record)


@dataclass(slots=True)
class Sum:
    """What some calls used. ``input`` includes ``cached``; ``unknown`` of the calls have no known price. ``held``: what is set aside, for
    calls that are running and for those that were cut off."""

    calls: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    nano: int = 0
    unknown: int = 0
    unknown_tokens: int = 0
    held: int = 0
    held_tokens: int = 0
    held_nano: int = 0

    def add(self, record: Record, sign: int = 1) -> None:
        """Count a record in, or out again."""
        if isinstance(record, Call):
            self.calls += sign
            self.input += sign * record.input
            self.output += sign * record.output
            self.cached += sign * record.cached
            self.nano += sign * nano(record.usd)
            if record.usd is None:
                self.unknown += sign
                self.unknown_tokens += sign * (record.input + record.output)
        elif isinstance(record, Reserve):
            self.held += sign
            self.held_tokens += sign * record.tokens
            self.held_nano += sign * nano(record.usd)

    @property
    def tokens(self) -> int:
        return self.input + self.output

    @property
    def usd(self) -> float | None:
        """What they cost, as far as it is known; ``None`` where nothing is."""
        return None if self.unknown and self.unknown == self.calls else self.nano / NANO

    @property
    def cached_share(self) -> float:
        """How much of what was sent came from providers' caches, 0..1."""
        return self.cached / self.input if self.input else 0.0

    def used(self) -> Used:
        """What counts towards a budget."""
        return Used(self.tokens + self.held_tokens, self.nano + self.held_nano)


def nano(usd: float | None) -> int:
    """Dollars as whole nano-dollars; an unknown price is none."""
    return round((usd or 0.0) * NANO)


@dataclass(slots=True)
class _Book:
    """The calls of one day, as far as the file was read. ``last`` are the bytes of the line before ``offset``."""

    day: Day
    file: tuple[int, int] | None = None
    offset: int = 0
    last: bytes = b""
    records: dict[str, Record] = field(default_factory=dict)
    total: Sum = field(default_factory=Sum)

    def take(self, record: Record) -> None:
        """Count a line in. A call counts once, however often it stands there; what it cost goes over what was set aside."""
        before = self.records.get(record.id)
        if isinstance(before, Call) or (isinstance(before, Free) and not isinstance(record, Call)):
            return
        if before is not None:
            self.total.add(before, -1)
        self.records[record.id] = record
        self.total.add(record)

    def used(self, cap: Cap) -> Used:
        """What counts towards a budget so far."""
        if not cap.asker and not cap.session:
            return self.total.used()
        found = Sum()
        for record in self.records.values():
            if cap.asker in ("", record.asker) and cap.session in ("", record.session):
                found.add(record)
        return found.used()


class Ledger:
    """The ledger of a profile. Several processes may write at once.

    Args:
        path: ``<profile>/ledger.jsonl``; the lock is in ``run`` beside it.
        redact: takes out secrets from what is written.
        zone: the time zone of its days; ``None``: the machine's own.
    """

    def __init__(self, path: Path, clock: Clock, redact: Callable[[str], str], zone: tzinfo | None = None) -> None:
        self.path = path
        self._lock_path = path.parent / "run" / "ledger.lock"
        self._clock = clock
        self.zone = zone
        self._journal = Journal(path, redact)
        self._open: dict[str, Reserve] = {}
        self._book: _Book | None = None

    def day(self, back: int = 0) -> Day:
        """Today, or the day so many days before."""
        return day_of(self._clock.now(), self.zone, back)

    def date_of(self, moment: datetime) -> date:
        """The date of a moment in the ledger's zone."""
        return moment.astimezone(self.zone).date()

    def day_on(self, found: date) -> Day:
        """The day of a date in the ledger's zone."""
        noon = datetime(found.year, found.month, found.day, 12)
        return day_of(noon.astimezone() if self.zone is None else noon.replace(tzinfo=self.zone), self.zone)

    def reserve(
        self, *, model: str, surface: str, asker: str, session: str, purpose: str, tokens: int, usd: float | None,
        caps: Sequence[Cap],
    ) -> str:  # fmt: skip
        """Set aside what a call may take at most, if that fits into all budgets. ``usd`` of ``None``: its price is not known.

        Returns the call's name, for ``settle``.

        Raises:
            BudgetUsedUp: it does not fit.
            StorageError: the ledger cannot be read or written.
        """
        now, pid = self._clock.now(), os.getpid()
        call = Reserve(
            id=secrets.token_hex(6),
            time=now.astimezone(UTC),
            model=model,
            surface=surface,
            asker=asker,
            session=session,
            purpose=purpose,
            tokens=tokens,
            usd=None if usd is None else round(usd, 9),
            pid=pid,
            born=birth(pid),
        )
        need = Need(tokens, None if usd is None else nano(call.usd))
        with self._writing():
            book = self._today()
            check(caps, need, book.used, now, book.day)
            self._journal.append(call)
        self._open[call.id] = call
        return call.id

    def settle(self, id: str, usage: Usage | None, usd: float | None, source: str) -> None:
        """Write down what a call used, or with ``None`` that it never got an answer. A call that is settled already is left alone.

        Raises:
            StorageError: it could not be written; what was set aside stays so.
        """
        found = self._open.get(id)
        if found is None:
            return
        known = {name: getattr(found, name) for name in Line.__struct_fields__}
        with self._writing():
            if usage is None:
                self._journal.append(Free(**known))
            else:
                tokens = {name: max(0, getattr(usage, name)) for name in Usage.__struct_fields__}
                price = None if usd is None else round(usd, 9)
                self._journal.append(Call(**known, **tokens, usd=price, source=source))
        del self._open[id]

    def held_for(self, id: str) -> Reserve | None:
        """What this process has set aside under a name; ``None`` once it is settled."""
        return self._open.get(id)

    def today(self) -> Sum:
        """What was used today, and what is set aside. Reads only what was written since the last time.

        Raises:
            StorageError: the ledger cannot be read.
        """
        return self._today().total

    def used(self, cap: Cap) -> Used:
        """What counts towards a budget today."""
        return self._today().used(cap)

    def calls(self, since: datetime, until: datetime) -> list[Call | Reserve]:
        """The calls that were begun between two moments, in the order of the file: those that are over, and those that are not."""
        book = _Book(Day(since, until))
        self._read(book)
        return [record for record in book.records.values() if not isinstance(record, Free)]

    def cut_off(self, back: int = 0) -> list[Reserve]:
        """What processes that died have left set aside on a day."""
        day = self.day(back)
        return [
            call for call in self.calls(day.start, day.end) if isinstance(call, Reserve) and not self.is_running(call)
        ]

    def is_running(self, call: Reserve) -> bool:
        """Whether the process that set something aside may still settle it."""
        return is_living(call.pid, call.born) and self._clock.now() - call.time < LONGEST_CALL

    def release(self) -> list[Reserve]:
        """Take back what was set aside today by processes that died. Returns what that was.

        Raises:
            StorageError: it could not be written.
        """
        with self._writing():
            gone = self.cut_off()
            for call in gone:
                self._journal.append(Free(**{name: getattr(call, name) for name in Line.__struct_fields__}))
        return gone

    def _writing(self) -> _Writing:
        return _Writing(self._lock_path, self._journal)

    def _today(self) -> _Book:
        day = self.day()
        if self._book is None or self._book.day != day:
            self._book = _Book(day)
        self._book = self._read(self._book)
        return self._book

    def _read(self, book: _Book) -> _Book:
        """Bring a book up to date with the file."""
        with storage_errors(self.path, "read"):
            try:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                return _Book(book.day)
            try:
                state = os.fstat(descriptor)
                if book.file != (state.st_dev, state.st_ino) or not _goes_on(descriptor, state.st_size, book):
                    # Another file, or one that was cut: what is known of it does not hold.
                    book.records.clear()
                    book.total, book.offset, book.last = Sum(), 0, b""
                book.file = (state.st_dev, state.st_ino)
                fresh, end, last = _since(descriptor, book.offset, state.st_size, book.day.start - MARGIN)
            finally:
                os.close(descriptor)
        for record in fresh:
            if record.time in book.day:
                book.take(record)
        book.offset, book.last = end, last or book.last
        return book


class _Writing:
    """Holding the ledger's lock. The file is opened anew each time: another process may have died in the middle of a line meanwhile."""

    def __init__(self, lock: Path, journal: Journal) -> None:
        self._held = held(lock, journal.path.name)
        self._journal = journal

    def __enter__(self) -> None:
        self._held.__enter__()
        try:
            self._journal.is_empty()  # cuts off a torn line before anything is read
        except StorageError:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self._journal.close()
        self._held.__exit__(None, None, None)


def _goes_on(descriptor: int, size: int, book: _Book) -> bool:
    """Whether the file still holds what was read of it."""
    start = book.offset - len(book.last)
    return size >= book.offset and os.pread(descriptor, len(book.last), start) == book.last


def _since(descriptor: int, start: int, end: int, oldest: datetime) -> tuple[list[Record], int, bytes]:
    """The whole lines between two places, read from the end back to where all are older than ``oldest``.

    Gives the records in the file's order, the place after the last whole line, and that line's bytes. What is no line of the ledger's
    is left out.
    """
    found: list[Record] = []
    after, last, old = start, b"", 0
    for place, line in backwards(descriptor, start, end):
        if not last:
            after, last = place + len(line), line[-KEPT:]
        try:
            record = DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        found.append(record)
        old = old + 1 if record.time < oldest else 0
        if old >= OLD_IN_A_ROW:
            break
    found.reverse()
    return found, after, last
