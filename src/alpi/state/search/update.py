"""Bringing the index up to date: reads what is new of the sessions, and leaves nothing in it of what was removed."""

from __future__ import annotations

import errno
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from msgspec.structs import replace

from ...base.errors import SessionError
from ...base.files import storage_errors
from ...base.text import encodable
from .files import IndexFiles, Pages, Row, Run, Segment, SegmentRow, State, Table, state_of
from .turns import Turn, read_talk

SUFFIX = ".jsonl"
# Segments that are less than half full are joined when there are more than a few.
MOST_SMALL = 8
UNSETTLED: State = (-1, -1, -1, -1)
Progress = Callable[[int, int], None]


class Update:
    """One update, done under the index's lock.

    Args:
        sessions: the folder of the sessions.
        files: where the index is written.
        table: the index as it stands.
        segments: its segments that are whole, by number.
        full: write a segment when it holds so many bytes of text.
        progress: told how many sessions of how many have been read.
        stopped: asked between two sessions.
    """

    def __init__(
        self,
        sessions: Path,
        files: IndexFiles,
        table: Table,
        segments: Mapping[int, Segment],
        full: int,
        progress: Progress,
        stopped: Callable[[], bool],
    ) -> None:
        self._sessions = sessions
        self._files = files
        self._old = segments
        self._full = full
        self._rows = {row.name: row for row in table.rows}
        self._kept = {row.number: row for row in table.segments if row.number in segments}
        self._number = table.next
        self._pages = Pages.empty()
        self._written: dict[int, SegmentRow] = {}
        self._ready: dict[str, Row] = {}
        self._unclean = set(table.unclean)
        self._progress = progress
        self._stopped = stopped

    def run(self, changed: Iterable[str], gone: Iterable[str]) -> None:
        """Take the sessions ``gone`` out and read the ``changed`` ones anew.

        Raises:
            SessionError: it was stopped; what was read is kept.
            StorageError: something could not be written; the index is what it was, or further.
        """
        for name in gone:
            self._forget(self._rows.pop(name))
        changed = sorted(changed)
        for place, name in enumerate(changed):
            if self._stopped():
                self._commit()
                raise SessionError("the search was stopped", "Ask again; what was read so far is kept")
            self._progress(place, len(changed))
            self._read(name)
        self._join()
        self._commit()

    def _read(self, name: str) -> None:
        """Read what is new of one session."""
        known = self._rows.get(name)
        found = read_session(self._sessions / f"{name}{SUFFIX}")
        if found is None:
            if known is not None:
                self._forget(self._rows.pop(name))
            return
        data, state = found
        if not self._files.is_settled(state, time.time_ns()):
            state = UNSETTLED
        left: tuple[int, ...] = ()
        if known is not None and self._grew(known, data):
            left = self._forget_last(known, data)
            *runs, last = known.runs
            if last.count > 1:
                runs.append(Run(last.segment, last.first, last.count - 1))
            self._add(
                replace(known, state=state, left=left), data, runs, read_talk(data[known.open :], known.open).turns
            )
            return
        if known is not None and sum(run.count for run in known.runs) == 1:
            left = self._forget_last(known, data)  # a session of one turn is read anew when it goes on
        elif known is not None:
            self._forget(known)
        talk = read_talk(data)
        self._add(Row(name, state, 0, 0, talk.surface, talk.title, (), left), data, [], talk.turns)

    def _grew(self, known: Row, data: bytes) -> bool:
        """Whether all but the last turn is as it was, and at hand."""
        if not 0 < known.open <= len(data) or zlib.crc32(data[: known.open]) != known.check:
            return False
        turns = read_talk(data[known.open :], known.open).turns
        # Unless the question itself is gone, and what follows belongs to the turn before.
        begins = bool(turns) and turns[0].asked and turns[0].begin == known.open
        return begins and all(run.segment in self._kept for run in known.runs)

    def _forget_last(self, known: Row, data: bytes) -> tuple[int, ...]:
        """See to it that nothing stays of the last turn as it was, unless it has only grown. Returns the segments where it then stays."""
        last = known.runs[-1]
        if last.segment in self._kept:
            segment, place = self._old[last.segment], last.first + last.count - 1
            begin, end = segment.begins[place], segment.ends[place]
            turns = read_talk(data[begin:end], begin).turns
            if [turn.line() for turn in turns] == segment.lines(place, 1):
                return tuple(sorted({*known.left, last.segment} & self._kept.keys()))
        self._unclean |= {*known.left, last.segment}
        return ()

    def _add(self, row: Row, data: bytes, runs: list[Run], turns: list[Turn]) -> None:
        if turns:
            runs.append(Run(self._number, len(self._pages.lines), len(turns)))
        for turn in turns:
            self._pages.add(turn.begin, turn.end, int(turn.time.timestamp()), turn.line())
        # The title comes from the first turn: while that is the last one too, all is read anew.
        begin = turns[-1].begin if sum(run.count for run in runs) > 1 else 0
        self._put(replace(row, open=begin, check=zlib.crc32(data[:begin]), runs=tuple(runs)))

    def _put(self, row: Row) -> None:
        """Take a row up, once what it names is written."""
        self._ready[row.name] = row
        if self._pages.size >= self._full:
            self._commit()

    def _forget(self, row: Row) -> None:
        """Note that a session's text must leave the segments that hold it."""
        self._unclean |= {*row.left, *(run.segment for run in row.runs)}

    def _join(self) -> None:
        """Write anew what is left of segments that hold removed text, and join the small ones when there are many."""
        chosen = (self._unclean & self._kept.keys()) | self._small()
        for row in sorted({**self._rows, **self._ready}.values(), key=lambda row: row.name):
            if any(run.segment in chosen for run in row.runs):
                self._put(self._moved(row, chosen))

    def _small(self) -> set[int]:
        """Small segments to join, where there are too many: the smallest, and each that is not much larger than those before it. So
        whatever is read is written anew a few times only, however many searches come between."""
        sizes = sorted((self._old[number].text_size, number) for number in self._kept)
        small = [(size, number) for size, number in sizes if size < self._full // 2]
        if len(small) <= MOST_SMALL:
            return set()
        joined: set[int] = set()
        total = 0
        for size, number in small:
            if len(joined) > 1 and size > 2 * total:
                break
            joined.add(number)
            total += size
        return joined

    def _moved(self, row: Row, chosen: set[int]) -> Row:
        """A row whose runs in the chosen segments are copied into the new one."""
        runs: list[Run] = []
        for run in row.runs:
            if run.segment in chosen:
                run = self._copied(run)
            before = runs[-1] if runs else None
            if before and before.segment == run.segment and before.first + before.count == run.first:
                runs[-1] = Run(run.segment, before.first, before.count + run.count)
            else:
                runs.append(run)
        return replace(row, runs=tuple(runs))

    def _copied(self, run: Run) -> Run:
        segment, first = self._old[run.segment], len(self._pages.lines)
        for turn, line in enumerate(segment.lines(run.first, run.count), run.first):
            self._pages.add(segment.begins[turn], segment.ends[turn], segment.times[turn], line)
        return Run(self._number, first, run.count)

    def _commit(self) -> None:
        """Write the segment in the making, then a table that names it, then remove what no row needs."""
        if self._pages.lines:
            self._written[self._number] = self._files.write_segment(self._number, self._pages)
            self._number += 1
            self._pages = Pages.empty()
        self._rows |= self._ready
        self._ready = {}
        used = {run.segment for row in self._rows.values() for run in row.runs}
        segments = {number: row for number, row in {**self._kept, **self._written}.items() if number in used}
        # A row that names a lost segment is read anew later; until then it has no place in a table.
        whole = [row for row in self._rows.values() if all(run.segment in segments for run in row.runs)]
        unclean = tuple(sorted(self._unclean & segments.keys()))
        table = Table(self._number, tuple(segments.values()), tuple(whole), unclean)
        self._files.write_table(table)
        self._files.sweep(table)
        self._kept = {number: row for number, row in self._kept.items() if number in segments}


def session_states(folder: Path) -> dict[str, State]:
    """The sessions in a folder by name, with what tells that they have changed.

    Raises:
        StorageError: the folder cannot be listed.
    """
    found: dict[str, State] = {}
    with storage_errors(folder, "list"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        try:
            for name in os.listdir(descriptor):
                if name.endswith(SUFFIX):
                    try:
                        status = os.stat(name, dir_fd=descriptor)
                    except OSError:
                        continue  # removed meanwhile, or a link to nowhere
                    if stat.S_ISREG(status.st_mode) and (name.isascii() or encodable(name) == name):
                        found[name[: -len(SUFFIX)]] = state_of(status)
        finally:
            os.close(descriptor)
    return found


def read_session(path: Path) -> tuple[bytes, State] | None:
    """A session's bytes and its state before they were read; ``None`` where there is no such file, or it may not be read.

    Raises:
        StorageError: the disk failed.
    """
    with storage_errors(path, "read"):
        try:
            # Without waiting: somebody may have put a pipe there.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO):
                return None
            raise
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            return (file.read(status.st_size), state_of(status)) if stat.S_ISREG(status.st_mode) else None
