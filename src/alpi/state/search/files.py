"""The index on the disk: a table of sessions and a few segments of folded text, each with a checksum. All of it can be made again.

``index/table`` says which bytes of which sessions are in which segment, and in what state each session's file was when it was read.
``index/N.text`` is a segment: the places of its turns, its vocabulary with the turns in which each word stands, then one line of text a
turn. A segment never changes once the table names it; what replaces it is written first, then the table, then the old one is
removed. So a reader, or a crash, sees the old index or the new one.
"""

from __future__ import annotations

import os
import sys
import time
import zlib
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate, chain, pairwise
from pathlib import Path

import msgspec
from msgspec import Struct

from ...base.files import private_dir, storage_errors, write_atomic
from .words import BREAK, SEEN

# Another version, or another machine's byte order, is made anew.
MAGIC = b"alpi sessions 2 little\n" if sys.byteorder == "little" else b"alpi sessions 2 big\n"
TABLE = "table"
PIECE = 1 << 20
# File systems keep times in steps of up to two seconds: within one, a file can change and show the same time.
TICK = 2.0
COLUMNS = 4
State = tuple[int, int, int, int]
"""What tells that a file has not changed: size, time of change, time of change of its state (both in ns), number on the disk."""


class Run(Struct, array_like=True, frozen=True):
    """Turns of one session that stand together in a segment: ``count`` of them from number ``first`` on."""

    segment: int
    first: int
    count: int


class Row(Struct, array_like=True, frozen=True):
    """One session. ``open`` is the byte where its last turn begins, which may still grow, and ``check`` the checksum of all before.
    ``left`` are segments that hold a turn of it as it was before it grew, which no run names any more."""

    name: str
    state: State
    open: int
    check: int
    surface: str
    title: str
    runs: tuple[Run, ...]
    left: tuple[int, ...] = ()


class SegmentRow(Struct, array_like=True, frozen=True):
    """One segment: ``turns`` of them; ``words`` in the vocabulary, which takes ``vocabulary`` bytes, with ``places`` in all; the file's
    ``size`` in bytes and its checksum."""

    number: int
    turns: int
    words: int
    vocabulary: int
    places: int
    size: int
    check: int

    @property
    def columns(self) -> int:
        """Bytes of the table of turns, with which the file begins."""
        return COLUMNS * 8 * self.turns


class Table(Struct, array_like=True, frozen=True):
    """The index as a whole. ``next`` is the number of the next segment; ``unclean`` are those that still hold text of a session which
    was removed or changed."""

    next: int = 1
    segments: tuple[SegmentRow, ...] = ()
    rows: tuple[Row, ...] = ()
    unclean: tuple[int, ...] = ()


DECODER = msgspec.msgpack.Decoder(Table)


class Pages(Struct):
    """A segment in memory while it is made: the columns, and the text."""

    starts: array[int]
    begins: array[int]
    ends: array[int]
    times: array[int]
    lines: list[bytes]
    size: int = 0

    @classmethod
    def empty(cls) -> Pages:
        return cls(array("Q"), array("Q"), array("Q"), array("Q"), [])

    def add(self, begin: int, end: int, time: int, line: bytes) -> None:
        self.starts.append(self.size)
        self.begins.append(begin)
        self.ends.append(end)
        self.times.append(time)
        self.lines.append(line)
        self.size += len(line)

    def encode(self) -> tuple[bytes, int, int, int]:
        """The segment's bytes, the number of words in its vocabulary, how many bytes those take, and how many places they have."""
        turns: defaultdict[bytes, list[int]] = defaultdict(list)
        for turn, line in enumerate(self.lines):
            for word in set(line.split()):
                turns[word].append(turn)
        words = sorted(turns.keys() - {SEEN.strip(), BREAK.strip()})
        vocabulary = b" " + b" ".join(words) + b" "
        last = array("I", accumulate(len(turns[word]) for word in words))
        places = array("I", chain.from_iterable(turns[word] for word in words))
        columns = (self.starts, self.begins, self.ends, self.times, last)
        parts = [*(column.tobytes() for column in columns), vocabulary, places.tobytes(), *self.lines]
        return b"".join(parts), len(words), len(vocabulary), len(places)


class Segment:
    """A segment as it lies on the disk, checked: its columns and vocabulary in memory, places and text read when they are needed."""

    def __init__(self, path: Path, row: SegmentRow, state: State, head: bytes) -> None:
        self.path = path
        self.row = row
        self.state = state
        self.checked = time.time_ns()
        columns, self._last = array("Q"), array("I")
        columns.frombytes(head[: row.columns])
        self._last.frombytes(head[row.columns : row.columns + 4 * row.words])
        self._vocabulary = head[row.columns + 4 * row.words :]
        self._places = len(head)
        self._text = len(head) + 4 * row.places
        self.starts, self.begins, self.ends, self.times = (
            columns[row.turns * n : row.turns * (n + 1)] for n in range(COLUMNS)
        )
        self.starts.append(self.text_size)

    @property
    def text_size(self) -> int:
        """Bytes of text."""
        return self.row.size - self._text

    def turns_with(self, descriptor: int, part: bytes, fits: Callable[[bytes, int], bool]) -> set[int]:
        """The turns that have a word with this part in it. A space in the part is the beginning or the end of a word.

        Args:
            descriptor: the segment's open file.
            fits: says of a place in the vocabulary where the part stands whether that word is meant.

        Raises:
            Gone: the file is not whole any more.
        """
        found: set[int] = set()
        number, before = -1, 0
        at = self._vocabulary.find(part)
        while at >= 0:
            if fits(self._vocabulary, at):
                number += self._vocabulary.count(b" ", before, at + 1)
                before = at + 1
                first = self._last[number - 1] if number else 0
                turns = array("I")
                turns.frombytes(self._read(descriptor, self._places + 4 * first, 4 * (self._last[number] - first)))
                found.update(turns)
            at = self._vocabulary.find(part, at + 1)
        return found

    def line(self, descriptor: int, turn: int) -> bytes:
        """The text of one turn, from the segment's open file.

        Raises:
            Gone: the file is not whole any more.
        """
        return self._read(descriptor, self._text + self.starts[turn], self.starts[turn + 1] - self.starts[turn])

    def lines(self, first: int, count: int) -> list[bytes]:
        """The text of some turns that stand together.

        Raises:
            Gone: another process has replaced the segment, or it is not whole any more.
        """
        with opened(self.path) as descriptor:
            starts = self.starts[first : first + count + 1]
            text = self._read(descriptor, self._text + starts[0], starts[-1] - starts[0])
        return [text[begin - starts[0] : end - starts[0]] for begin, end in pairwise(starts)]

    def _read(self, descriptor: int, at: int, size: int) -> bytes:
        data = os.pread(descriptor, size, at)
        if len(data) != size:
            raise Gone
        return data


class Gone(Exception):
    """A segment is not there any more, or not as the table has it."""


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A segment's file, open for reading; ``Gone`` where it is not there."""
    with storage_errors(path, "read"):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError as error:
            raise Gone from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)


class IndexFiles:
    """The files of an index.

    Args:
        folder: ``<profile>/index``.
        tick: the longest step, in seconds, in which the file systems of index and sessions keep their times.
    """

    def __init__(self, folder: Path, tick: float = TICK) -> None:
        self.folder = folder
        self._tick_ns = int(tick * 1e9)

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    def table_state(self) -> State | None:
        """The state of the table's file; ``None`` where there is none."""
        with storage_errors(self.folder / TABLE, "read"):
            try:
                return state_of(os.stat(self.folder / TABLE))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def read_table(self) -> Table:
        """The table; an empty one where there is none, or it is broken, or of another version."""
        with storage_errors(self.folder / TABLE, "read"):
            try:
                data = (self.folder / TABLE).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return Table()
        head, body = data[: len(MAGIC) + 4], data[len(MAGIC) + 4 :]
        if head != MAGIC + zlib.crc32(body).to_bytes(4, "big"):
            return Table()
        try:
            return DECODER.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return Table()

    def write_table(self, table: Table) -> None:
        """Put a table in place of the old one.

        Raises:
            StorageError: it could not be written; the old one stands.
        """
        body = msgspec.msgpack.encode(table)
        private_dir(self.folder)
        write_atomic(self.folder / TABLE, MAGIC + zlib.crc32(body).to_bytes(4, "big") + body)

    def write_segment(self, number: int, pages: Pages) -> SegmentRow:
        """Write a segment that no table names yet.

        Raises:
            StorageError: it could not be written.
        """
        data, words, vocabulary, places = pages.encode()
        private_dir(self.folder)
        write_atomic(self._path(number), data)
        return SegmentRow(number, len(pages.lines), words, vocabulary, places, len(data), zlib.crc32(data))

    def open_segment(self, row: SegmentRow) -> Segment | None:
        """A segment whose checksum is right, or ``None``."""
        try:
            with opened(self._path(row.number)) as descriptor:
                state = state_of(os.fstat(descriptor))
                if state[0] != row.size:
                    return None
                head = os.pread(descriptor, row.columns + 4 * row.words + row.vocabulary, 0)
                check, at = zlib.crc32(head), len(head)
                while piece := os.pread(descriptor, PIECE, at):
                    check, at = zlib.crc32(piece, check), at + len(piece)
        except Gone:
            return None
        return Segment(self._path(row.number), row, state, head) if check == row.check and at == row.size else None

    def is_same(self, segment: Segment) -> bool:
        """Whether a segment's file is as it was when it was checked."""
        with storage_errors(segment.path, "read"):
            try:
                state = state_of(os.stat(segment.path, follow_symlinks=False))
            except FileNotFoundError:
                return False
        return state == segment.state and self.is_settled(state, segment.checked)

    def is_settled(self, state: State, now_ns: int) -> bool:
        """Whether a file that was read at ``now_ns`` in this state cannot have changed since without showing it."""
        return now_ns - max(state[1], state[2]) > self._tick_ns

    def leftovers(self, table: Table) -> list[Path]:
        """Files that the table does not name: replaced segments, and what a crash has left."""
        named = {self._path(row.number).name for row in table.segments}
        with storage_errors(self.folder, "list"):
            try:
                names = os.listdir(self.folder)
            except FileNotFoundError:
                return []
        return [self.folder / name for name in names if name.endswith((".text", ".tmp")) and name not in named]

    def sweep(self, table: Table) -> None:
        """Remove the leftovers.

        Raises:
            StorageError: something could not be removed.
        """
        for path in self.leftovers(table):
            with storage_errors(path, "remove"):
                path.unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.text"


def state_of(found: os.stat_result) -> State:
    """What is compared of a file."""
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
