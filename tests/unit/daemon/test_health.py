"""Health as the age of the last success, and the report that others read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from alpi.daemon.health import Health, Report, is_stale, lines, problem_of, read_report, write_report
from tests.support.fakes import FakeClock


def test_a_report_comes_back_as_it_was_written(tmp_path: Path) -> None:
    clock = FakeClock()
    health = Health("alp", clock, 60)
    health.success("listening on 127.0.0.1:7423")
    report = Report(pid=7, version="1", started=clock.now(), written=clock.now(), services=[health.now])
    write_report(tmp_path / "run", report)
    assert read_report(tmp_path / "run") == report
    assert (tmp_path / "run" / "serve.json").stat().st_mode & 0o777 == 0o600


def test_a_broken_report_is_none(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None
    (tmp_path / "serve.json").write_text('{"pid": "x"')
    assert read_report(tmp_path) is None


def test_running_is_not_enough_to_be_well() -> None:
    clock = FakeClock()
    health = Health("telegram", clock, 60)
    started = clock.now()
    health.success()
    clock.go_on(59)
    assert not is_stale(health.now, clock.now(), started)
    assert problem_of(health.now, clock.now(), started) == ""
    clock.go_on(2)
    assert is_stale(health.now, clock.now(), started)
    assert problem_of(health.now, clock.now(), started).startswith("no success since 2026-11-23")


def test_one_that_never_succeeded_is_stale_after_its_time() -> None:
    clock = FakeClock()
    health = Health("imap", clock, 60)
    started = clock.now()
    clock.go_on(61)
    assert problem_of(health.now, clock.now(), started) == "no success yet"


def test_a_fall_says_what_and_when_it_comes_back() -> None:
    clock = FakeClock()
    health = Health("alp", clock)
    health.failed("the port is taken", clock.now() + timedelta(seconds=30))
    health.failed("the port is taken", clock.now() + timedelta(seconds=60))
    told = problem_of(health.now, clock.now(), clock.now())
    assert told.startswith("the port is taken (failed 2 times in a row, next try at ")
    assert lines([health.now], clock.now(), clock.now())[0].startswith("alp        the port is taken")
    health.success()
    clock.go_on(300)
    assert lines([health.now], clock.now(), clock.now()) == ["alp        running, last success 5 min ago"]
