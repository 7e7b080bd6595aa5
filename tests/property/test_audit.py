"""The audit log under random damage, and under many writers at once."""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpi.state.audit import AuditEntry, AuditLog
from alpi.state.rotation import Rotation
from tests.support.fakes import FakeClock

FAST = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where flushing costs nothing; that it is flushed is proved in tests/crash."""


def an_entry(what: str) -> AuditEntry:
    return AuditEntry("s1", "tui", "person", "terminal", what, "caution", "once")


@cache
def written(count: int, files: int) -> tuple[tuple[str, bytes], ...]:
    """The files of a log of so many lines in about so many files, oldest first, and the head record last. Made once: it is flushed."""
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        log = AuditLog(
            Path(folder) / "logs", FakeClock(), str, Rotation(largest=max(500, count * 340 // files), keep=99)
        )
        for number in range(1, count + 1):
            log.record(an_entry(f"command {number}"))
        numbered = sorted(log.path.parent.glob("approval.log.*"), key=lambda path: int(path.suffix[1:]))
        return tuple((path.name, path.read_bytes()) for path in [*numbered, log.path, log.head_path])


@contextmanager
def a_log(count: int, files: int) -> Iterator[tuple[AuditLog, list[tuple[str, int, bytes]]]]:
    """Such a log, and each line with its file and number."""
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        log = AuditLog(Path(folder) / "logs", FakeClock(), str)
        for place in (log.path.parent, log.head_path.parent):
            place.mkdir()
        *logs, (_, head) = written(count, files)
        for name, data in logs:
            log.path.with_name(name).write_bytes(data)
        log.head_path.write_bytes(head)
        yield (
            log,
            [
                (name, number, line)
                for name, data in logs
                for number, line in enumerate(data.splitlines(keepends=True), 1)
            ],
        )


def rewrite(log: AuditLog, lines: list[tuple[str, int, bytes]]) -> None:
    for path in log.path.parent.iterdir():
        path.write_bytes(b"".join(line for name, _, line in lines if name == path.name))


sizes = st.tuples(st.integers(1, 8), st.integers(1, 3))


@FAST
@given(sizes, st.data())
def test_a_changed_byte_is_found_in_its_line(size: tuple[int, int], data: st.DataObject) -> None:
    with a_log(*size) as (log, lines):
        at = data.draw(st.integers(0, len(lines) - 1))
        name, number, line = lines[at]
        place = data.draw(st.integers(0, len(line) - 1))
        value = data.draw(st.integers(0, 255).filter(lambda value: value != line[place]))
        lines[at] = (name, number, line[:place] + bytes([value]) + line[place + 1 :])
        rewrite(log, lines)
        found = log.verify().findings[0]
        assert (found.file, found.line) == (name, number)


@FAST
@given(sizes, st.data())
def test_a_removed_line_is_found_where_it_stood(size: tuple[int, int], data: st.DataObject) -> None:
    with a_log(*size) as (log, lines):
        at = data.draw(st.integers(0, len(lines) - 1))
        gone = lines.pop(at)
        rewrite(log, lines)
        found = log.verify().findings[0]
        if at == len(lines):
            assert found.kind == "truncated"
            assert found.file == log.path.name
            assert found.line == (gone[1] if gone[0] == log.path.name else 1)
        else:
            assert found.kind == "removed"
            next_is_first = lines[at][0] != gone[0]
            assert (found.file, found.line) == (lines[at][0], 1 if next_is_first else gone[1])


@FAST
@given(st.tuples(st.integers(2, 8), st.just(1)), st.data())
def test_moved_lines_are_found_at_the_first_that_is_wrong(size: tuple[int, int], data: st.DataObject) -> None:
    with a_log(*size) as (log, lines):
        order = data.draw(st.permutations(range(len(lines))).filter(lambda order: order != sorted(order)))
        moved = [lines[at] for at in order]
        rewrite(log, moved)
        found = log.verify().findings[0]
        assert found.line == next(place for place, at in enumerate(order) if place != at) + 1
        assert found.kind == "reordered"


@FAST
@given(sizes, st.data())
def test_a_cut_end_is_found_where_it_was_cut(size: tuple[int, int], data: st.DataObject) -> None:
    with a_log(*size) as (log, _):
        whole = log.path.read_bytes()
        cut = data.draw(st.integers(0, len(whole) - 1))
        log.path.write_bytes(whole[:cut])
        found = log.verify().findings[0]
        assert (found.file, found.line, found.kind) == (log.path.name, whole[:cut].count(b"\n") + 1, "truncated")


@FAST
@given(sizes, st.binary(min_size=1, max_size=80).filter(lambda text: b"\n" not in text), st.data())
def test_a_line_that_was_put_in_is_found(size: tuple[int, int], text: bytes, data: st.DataObject) -> None:
    with a_log(*size) as (log, lines):
        at = data.draw(st.integers(0, len(lines) - 1))
        name, number, _ = lines[at]
        lines.insert(at, (name, number, text + b"\n"))
        rewrite(log, lines)
        found = log.verify().findings[0]
        assert (found.file, found.line, found.kind) == (name, number, "foreign")


@FAST
@given(sizes, st.data())
def test_a_line_put_in_a_second_time_is_found(size: tuple[int, int], data: st.DataObject) -> None:
    with a_log(*size) as (log, lines):
        at, source = data.draw(st.integers(1, len(lines))), data.draw(st.integers(0, len(lines) - 1))
        name, number, _ = lines[at - 1]
        lines.insert(at, (name, number + 1, lines[source][2]))
        rewrite(log, lines)
        found = log.verify().findings[0]
        # Beside the line itself nobody can tell which of the two was put in.
        after = (lines[at + 1][0], 1 if lines[at + 1][0] != name else number + 2) if source == at else None
        assert (found.file, found.line) in {(name, number + 1), after}
        assert found.kind == "foreign"


def write_many(folder: str, name: str, count: int) -> None:
    log = AuditLog(Path(folder), FakeClock(), str, Rotation(largest=4000, keep=99))
    for number in range(count):
        log.record(an_entry(f"{name} {number}"))
        time.sleep(0.005)  # the lock is not a fair one, and nobody records without a pause


def test_many_writers_make_one_chain(tmp_path: Path) -> None:
    start = multiprocessing.get_context("spawn")
    writers = [start.Process(target=write_many, args=(str(tmp_path / "logs"), name, 25)) for name in ("a", "b", "c")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(50)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    log = AuditLog(tmp_path / "logs", FakeClock(), str)
    report = log.verify()
    assert (report.ok, report.entries, report.notes) == (True, 75, ())
    told = [record["what"] for record in log.tail(75)]
    for name in ("a", "b", "c"):
        assert [what for what in told if what.startswith(name)] == [f"{name} {number}" for number in range(25)]
