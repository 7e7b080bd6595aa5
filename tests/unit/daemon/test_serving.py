"""Serving a profile in this process: one at a time, an orderly end by a signal, reports, and a disk that takes none."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from alpi.base.clock import SystemClock
from alpi.base.locks import FileLock
from alpi.daemon.health import NAME, Health, read_report
from alpi.daemon.serving import LOCK, RunningAlready, Serving


class Brief:
    """A service that works, and has the process told to stop as soon as it does."""

    name = "brief"
    stale_after = 0.0

    def __init__(self, number: int = signal.SIGTERM, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.drained = False
        self._number = number
        self._meanwhile = meanwhile

    async def run(self, health: Health) -> None:
        health.success("at work")
        self._meanwhile()
        os.kill(os.getpid(), self._number)
        await asyncio.Event().wait()

    async def drain(self) -> None:
        self.drained = True


def serving(folder: Path, lines: list[str], environ: dict[str, str] | None = None) -> Serving:
    folder.mkdir(mode=0o700, exist_ok=True)
    return Serving(
        run_folder=folder,
        version="1.2.3",
        environ=environ or {},
        clock=SystemClock(),
        random=lambda: 0.5,
        tell=lines.append,
        clean=lambda: ("took away a socket",),
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends(tmp_path: Path, number: int) -> None:
    lines: list[str] = []
    service = Brief(number)
    serving(tmp_path / "run", lines).run(lambda: [service])
    assert service.drained
    assert lines[0] == "took away a socket"
    assert f"alpi 1.2.3 serves: brief (process {os.getpid()})" in lines
    assert lines[-1] == "stopped"
    report = read_report(tmp_path / "run")
    assert report is not None
    assert [(one.name, one.state) for one in report.services] == [("brief", "stopped")]
    serving(tmp_path / "run", lines).run(lambda: [Brief()])  # the lock is free again


def test_a_second_one_is_refused_before_it_makes_anything(tmp_path: Path) -> None:
    lines: list[str] = []
    made = serving(tmp_path / "run", lines)
    held = FileLock(tmp_path / "run" / LOCK, wait=0, what="this profile's service")
    held.acquire()
    try:
        with pytest.raises(RunningAlready, match=f"process {os.getpid()}"):
            made.run(lambda: pytest.fail("services were made"))
    finally:
        held.release()
    assert lines == []


def test_a_report_that_cannot_be_written_is_told_once_and_ends_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    (folder / NAME).mkdir()  # where the report would go
    service = Brief()
    serving(folder, lines).run(lambda: [service])
    assert service.drained
    assert len([line for line in lines if NAME in line]) == 1


def test_systemd_hears_that_it_is_ready_and_that_it_stops(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        serving(tmp_path / "run", [], {"NOTIFY_SOCKET": str(tmp_path / "notify")}).run(lambda: [Brief()])
        ear.setblocking(False)
        heard = []
        while True:
            try:
                heard.append(ear.recv(4096).decode())
            except BlockingIOError:
                break
    assert "STOPPING=1" in heard
    assert any("WATCHDOG=1" in one and "brief" in one for one in heard)
