"""The runner: order, limits, what is not looked at, and a check that is itself at fault."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from alpi.base.clock import SystemClock
from alpi.base.errors import StorageError
from alpi.doctor import Check, Finding, Subject
from alpi.doctor.running import examine

from .subjects import subject


def fine(subject: Subject) -> list[Finding]:
    return [Finding("ok", "fine")]


def test_findings_come_in_the_order_of_the_list_whoever_is_done_first(tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(subject: Subject) -> list[Finding]:
        gate.wait(5)
        return fine(subject)

    def quick(subject: Subject) -> list[Finding]:
        gate.set()
        return fine(subject)

    wanted = {"slow": Check(slow, "x"), "quick": Check(quick, "y")}
    assert [name for name, _ in examine(subject(tmp_path), wanted, SystemClock())] == ["slow", "quick"]


def test_a_check_that_hangs_is_a_failure_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    forever = threading.Event()
    wanted = {
        "hangs": Check(lambda subject: [Finding("ok", str(forever.wait(30)))], "x", seconds=0.2),
        "fine": Check(fine, "y"),
    }
    started = time.monotonic()
    found = dict(examine(subject(tmp_path), wanted, SystemClock()))
    assert time.monotonic() - started < 3
    forever.set()
    assert found["hangs"][0].state == "failed" and "alpi doctor hangs" in found["hangs"][0].hint
    assert found["fine"] == [Finding("ok", "fine")]


def test_all_together_have_one_limit(tmp_path: Path) -> None:
    forever = threading.Event()
    wanted = {f"c{n}": Check(lambda subject: [Finding("ok", str(forever.wait(30)))], "x", seconds=10) for n in range(3)}
    started = time.monotonic()
    found = list(examine(subject(tmp_path), wanted, SystemClock(), seconds=0.3))
    assert time.monotonic() - started < 3
    forever.set()
    assert [findings[0].state for _, findings in found] == ["failed"] * 3


def test_errors_and_bugs_are_findings(tmp_path: Path) -> None:
    def storage(subject: Subject) -> list[Finding]:
        raise StorageError("the disk is full", "Free some space")

    def system(subject: Subject) -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/x")

    def bug(subject: Subject) -> list[Finding]:
        raise KeyError("oops")

    wanted = {
        "storage": Check(storage, ""),
        "system": Check(system, ""),
        "bug": Check(bug, ""),
        "fine": Check(fine, ""),
    }
    found = {name: findings[0] for name, findings in examine(subject(tmp_path), wanted, SystemClock())}
    assert found["storage"] == Finding("failed", "the disk is full", "Free some space")
    assert found["system"] == Finding("failed", "Permission denied (/x)")
    assert "KeyError" in found["bug"].text and "report" in found["bug"].hint
    assert found["fine"].state == "ok"


def test_offline_and_unreadable_settings_leave_out_what_needs_more(tmp_path: Path) -> None:
    def never(subject: Subject) -> list[Finding]:
        raise AssertionError("it must not be run")

    wanted = {"online": Check(never, "", online=True), "settings": Check(never, "", settings=True)}
    found = dict(examine(subject(tmp_path, config=None), wanted, SystemClock(), offline=True))
    assert found["online"][0].state == "ok" and "--offline" in found["online"][0].text
    assert found["settings"][0].state == "warning" and found["settings"][0].hint
