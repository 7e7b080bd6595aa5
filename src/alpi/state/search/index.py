"""Searching all sessions of a profile: brings the index up to date, ranks, and holds each hit against the file itself."""

from __future__ import annotations

import bisect
import os
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from ...base.errors import SessionError, StorageError
from ...base.locks import FileLock
from .files import TICK, Gone, IndexFiles, Row, Segment, State, Table
from .rank import Ranking, Wanted
from .turns import Turn, read_talk
from .update import SUFFIX, Progress, Update, read_session, session_states
from .words import excerpt, parse_query

# How long one search waits for another process that is building the index.
LOCK_SECONDS = 120.0
ATTEMPTS = 4
EXCERPT_CHARS = 300
FULL = 8 << 20
PEERS = ("peer", "alp")


class Hit(Struct, frozen=True):
    """One turn that fits. ``message`` is the id of its first message; ``question``, ``answer`` and ``seen`` (what tools were given and
    gave) are cut to where the words stand; ``seen`` is ``""`` where they stand in what was said. ``not_done``: as ``Turn`` has it."""

    session: str
    title: str
    surface: str
    message: str
    time: datetime
    question: str
    answer: str
    seen: str = ""
    not_done: tuple[str, ...] = ()


class Window(Struct, frozen=True):
    """A stretch of a session: ``turns``, of which number ``middle`` was asked for; ``before`` and ``after`` count those left out."""

    session: str
    title: str
    surface: str
    turns: tuple[Turn, ...]
    middle: int
    before: int
    after: int


class _View:
    """The index as one search sees it. ``lost`` are sessions of which a part is missing."""

    def __init__(self, table: Table, segments: dict[int, Segment], hidden: Callable[[str], bool]) -> None:
        self.table = table
        self.segments = segments
        self.rows = {row.name: row for row in table.rows}
        self._states = {row.name: row.state for row in table.rows}
        self.lost = {row.name for row in table.rows if not all(run.segment in segments for run in row.runs)}
        runs = [(run.segment, run.first, run.count, row) for row in table.rows for run in row.runs]
        runs.sort(key=lambda run: run[:2])
        self._runs: dict[int, list[tuple[int, Row]]] = {number: [] for number in segments}
        self._masks = {number: bytearray(segment.row.turns) for number, segment in segments.items()}
        for number, first, count, row in runs:
            if number in segments:
                self._runs[number].append((first, row))
                if not hidden(row.surface):
                    self._masks[number][first : first + count] = b"\x01" * count

    def mask(self, number: int, exclude: str) -> bytearray:
        """For each turn of a segment whether it may be found: it is not outdated, and its session is not left out."""
        mask = bytearray(self._masks[number])
        row = self.rows.get(exclude)
        for run in row.runs if row else ():
            if run.segment == number:
                mask[run.first : run.first + run.count] = bytes(run.count)
        return mask

    def owner(self, segment: int, turn: int) -> Row:
        """Whose turn that is."""
        runs = self._runs[segment]
        return runs[bisect.bisect_right(runs, turn, key=lambda run: run[0]) - 1][1]

    def stale(self, states: dict[str, State], exclude: str, doubted: Collection[str]) -> tuple[set[str], set[str]]:
        """The sessions that must be read, and those that are there no more."""
        known = self._states
        changed = {name for name, state in states.items() if known.get(name) != state}
        changed = (changed | self.lost | set(doubted)) & states.keys()
        return changed - {exclude}, self.rows.keys() - states.keys()


class SessionIndex:
    """Searches the sessions of a profile.

    The first search builds the index; each brings it up to date. It may be removed at any time.

    Args:
        sessions: ``<profile>/sessions``.
        index: ``<profile>/index``.
        hidden: says of a surface that its sessions are not to be found; by default those of peers are not.
        tick: the longest step, in seconds, in which the file system keeps its times. A file that changed so shortly before it was
            read is read again by the next search.
        full: how much text goes into one file of the index, in bytes.
    """

    def __init__(
        self,
        sessions: Path,
        index: Path,
        hidden: Callable[[str], bool] | None = None,
        tick: float = TICK,
        full: int = FULL,
    ) -> None:
        self._sessions = sessions
        self._files = IndexFiles(index, tick)
        self._full = full
        self._hidden = hidden or is_peer
        self._view: _View | None = None
        self._table_state: State | None = None

    def search(
        self,
        query: str,
        limit: int = 10,
        exclude: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        progress: Progress = lambda done, of: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> list[Hit]:
        """The best turns, best first: those with all words, then those with most, then the newest. An empty query finds the newest.

        Args:
            query: words and ``"exact phrases"``; see ``words.parse_query``.
            exclude: the session that is going on.
            since, until: turns from then on, and before then.
            progress: told how many sessions of how many have been read, while the index is brought up to date.
            stopped: asked now and then; when it says yes, the search ends with an error.

        Raises:
            UsageError: too many words.
            Locked: another process has been building the index for too long.
            SessionError: it was stopped.
            StorageError: a file could not be read or written.
        """
        wanted = Wanted(
            parse_query(query),
            limit,
            exclude,
            since.timestamp() if since else float("-inf"),
            until.timestamp() if until else float("inf"),
        )
        doubted: set[str] = set()
        hits: list[Hit] | None = None
        for _ in range(ATTEMPTS):
            try:
                view = self._fresh(exclude, doubted, progress, stopped)
                places = self._rank(view, wanted, stopped)
                checked = [(view.owner(number, turn), self._hit(view, number, turn, wanted)) for number, turn in places]
            except Gone:  # another process has just replaced a part
                self._view = None
                continue
            hits = [hit for _, hit in checked if hit is not None]
            doubted = {row.name for row, hit in checked if hit is None}
            if not doubted:
                break
        if hits is None:
            raise StorageError(f"{self._files.folder} keeps changing while it is read", "Search again")
        return hits

    def window(self, session: str, message: str = "", around: int = 2) -> Window:
        """Turns around one of a session.

        Args:
            session: its id, or a beginning of it that only one has.
            message: the id of a message; the last turn when left out.
            around: how many turns before it and after it.

        Raises:
            SessionError: there is no such session, or no such message in it.
            StorageError: it could not be read.
        """
        names = session_states(self._sessions)
        found = [session] if session in names else [name for name in names if session and name.startswith(session)]
        data = read_session(self._sessions / f"{found[0]}{SUFFIX}") if len(found) == 1 else None
        talk = read_talk(data[0]) if data else None
        if talk is None or self._hidden(talk.surface):
            many = f"{len(found)} sessions begin with" if len(found) > 1 else "there is no session"
            raise SessionError(f"{many} {session!r}", "Give the whole id of one that a search has found")
        turns = talk.turns
        places = (
            [place for place, turn in enumerate(turns) if message in turn.messages] if message else [len(turns) - 1]
        )
        if not turns or not places:
            raise SessionError(
                f"there is no message {message!r} in session {found[0]}" if message else f"session {found[0]} is empty",
                "Search again: the session may have been changed",
            )
        first, last = max(0, places[0] - around), min(len(turns), places[0] + around + 1)
        return Window(
            found[0], talk.title, talk.surface, tuple(turns[first:last]), places[0] - first, first, len(turns) - last
        )

    def _fresh(self, exclude: str, doubted: Collection[str], progress: Progress, stopped: Callable[[], bool]) -> _View:
        """The index, brought up to date."""
        states = session_states(self._sessions)
        view = self._load()
        if not any(view.stale(states, exclude, doubted)) and not self._untidy(view):
            return view
        with FileLock(self._files.lock, LOCK_SECONDS, "the index of sessions"):
            view = self._load()
            states = session_states(self._sessions)
            changed, gone = view.stale(states, exclude, doubted)
            if changed or gone or self._untidy(view):
                update = Update(self._sessions, self._files, view.table, view.segments, self._full, progress, stopped)
                update.run(changed, gone)
                self._view = None
            return self._load()

    def _untidy(self, view: _View) -> bool:
        """Whether an update was ended before it had taken everything out that was to go."""
        return bool(view.table.unclean or self._files.leftovers(view.table))

    def _load(self) -> _View:
        """The index as it stands on the disk; what is known to be unchanged is not read again."""
        known = self._view
        state = self._files.table_state()
        unchanged = known is not None and state == self._table_state
        if known is not None and unchanged and all(map(self._files.is_same, known.segments.values())):
            return known
        table = self._files.read_table()
        segments = known.segments if known is not None else {}
        self._view = view = _View(table, self._whole(table, segments), self._hidden)
        self._table_state = state
        return view

    def _whole(self, table: Table, known: dict[int, Segment]) -> dict[int, Segment]:
        whole = {}
        for row in table.segments:
            segment = known.get(row.number)
            if segment is None or segment.row != row or not self._files.is_same(segment):
                segment = self._files.open_segment(row)
            if segment is not None:
                whole[row.number] = segment
        return whole

    def _rank(self, view: _View, wanted: Wanted, stopped: Callable[[], bool]) -> list[tuple[int, int]]:
        """The best turns: segment, number of the turn in it."""
        masks = {number: view.mask(number, wanted.exclude) for number in view.segments}
        return Ranking(view.segments, masks, wanted, lambda *place: view.owner(*place).name, stopped).best()

    def _hit(self, view: _View, number: int, place: int, wanted: Wanted) -> Hit | None:
        """A turn as it stands in the file now; ``None`` when that is not what the index says."""
        row, segment = view.owner(number, place), view.segments[number]
        begin, end = segment.begins[place], segment.ends[place]
        try:
            with (self._sessions / f"{row.name}{SUFFIX}").open("rb") as file:
                data = os.pread(file.fileno(), end - begin, begin)
        except OSError:
            return None  # removed meanwhile
        turns = read_talk(data, begin).turns
        [line] = segment.lines(place, 1)
        if len(turns) != 1 or turns[0].line() != line:
            return None
        turn, terms = turns[0], wanted.query.terms
        answer = "\n".join(turn.answers)
        said = line.partition(b"\x01")[0]
        only_seen = terms and not any(term.weight(said, 0, len(said)) for term in terms)
        return Hit(
            row.name,
            row.title,
            row.surface,
            turn.id,
            turn.time,
            excerpt(turn.question, terms, EXCERPT_CHARS),
            excerpt(answer, terms, EXCERPT_CHARS),
            excerpt("\n".join(turn.seen()), terms, EXCERPT_CHARS) if only_seen else "",
            turn.not_done,
        )


def is_peer(surface: str) -> bool:
    """Whether a surface is that of another agent: what it asked is not this person's conversation."""
    return surface in PEERS or surface.startswith(tuple(f"{name}:" for name in PEERS))
