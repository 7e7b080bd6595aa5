"""Running the services of one profile in the foreground: one instance, signals, reports, the log."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..base.clock import Clock
from ..base.errors import AlpiError
from ..base.locks import FileLock, Locked
from .health import REPORT_SECONDS, Report, problem_of, write_report
from .notify import Notifier
from .supervisor import Patience, Service, Supervisor

LOCK = "serve.lock"
# How long systemd waits to hear that all is up, at most: a service that cannot start must not keep the others from counting.
READY_SECONDS = 20.0
TICK_SECONDS = 0.25


class RunningAlready(AlpiError):
    """Another process serves this profile."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What is needed to serve a profile.

    ``run_folder`` is the profile's folder for locks and reports; ``tell`` takes a line for the log; ``clean`` takes away what
    processes that were killed have left behind, and says what it was.
    """

    run_folder: Path
    version: str
    environ: Mapping[str, str]
    clock: Clock
    random: Callable[[], float]
    tell: Callable[[str], None]
    clean: Callable[[], Sequence[str]]
    patience: Patience = field(default_factory=Patience)

    def run(self, services: Callable[[], Sequence[Service]]) -> None:
        """Serve until SIGTERM or SIGINT.

        Args:
            services: makes the services, once it is certain that no other process runs them.

        Raises:
            RunningAlready: another process does; names it.
        """
        lock = FileLock(self.run_folder / LOCK, wait=0, what="this profile's service")
        try:
            lock.acquire()
        except Locked as error:
            who = f"process {error.pid}" if error.pid else "another process"
            hint = "See how it is: alpi service status. End it: alpi service stop, or kill that process"
            raise RunningAlready(f"alpi serve runs already for this profile ({who})", hint) from error
        try:
            for line in self.clean():
                self.tell(line)
            asyncio.run(self._serve(services()))
        finally:
            lock.release()

    async def _serve(self, services: Sequence[Service]) -> None:
        notifier = Notifier(self.environ)
        changed = asyncio.Event()
        supervisor = Supervisor(
            services,
            clock=self.clock,
            random=self.random,
            tell=self.tell,
            changed=changed.set,
            patience=self.patience,
        )
        loop = asyncio.get_running_loop()

        def stop() -> None:
            notifier.send(STOPPING="1")
            supervisor.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        names = ", ".join(service.name for service in services)
        self.tell(f"alpi {self.version} serves: {names} (process {os.getpid()})")
        reporter = _Reporter(self, supervisor, notifier, changed)
        reports = asyncio.create_task(reporter.run())
        try:
            await supervisor.run()
        finally:
            reports.cancel()
            await asyncio.gather(reports, return_exceptions=True)
            reporter.write()
            self.tell("stopped")


class _Reporter:
    """Writes the report when something changed and now and then, and tells systemd that the loop is alive."""

    def __init__(self, serving: Serving, supervisor: Supervisor, notifier: Notifier, changed: asyncio.Event) -> None:
        self._serving = serving
        self._supervisor = supervisor
        self._notifier = notifier
        self._changed = changed
        self._started = serving.clock.now()
        self._unwritable = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        clock, notifier = self._serving.clock, self._notifier
        begun = clock.monotonic()
        every = min(REPORT_SECONDS / 3, notifier.watchdog_seconds or REPORT_SECONDS)
        ready = False
        while True:
            self._changed.clear()
            self.write()
            if not ready:
                late = clock.monotonic() - begun > READY_SECONDS
                ready = late or all(health.state != "starting" for health in self._supervisor.health)
                if ready:
                    notifier.send(READY="1")
            notifier.send(WATCHDOG="1", STATUS="; ".join(self._told()))
            try:
                async with asyncio.timeout(every if ready else TICK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def write(self) -> None:
        """Write the report. A full disk is told once and ends nothing: the services matter more."""
        serving = self._serving
        report = Report(
            pid=os.getpid(),
            version=serving.version,
            started=self._started,
            written=serving.clock.now(),
            services=self._supervisor.health,
        )
        try:
            write_report(serving.run_folder, report)
            self._unwritable = ""
        except AlpiError as error:
            if error.message != self._unwritable:
                serving.tell(error.message)
            self._unwritable = error.message

    def _told(self) -> list[str]:
        now = self._serving.clock.now()
        return [
            f"{health.name}: {problem_of(health, now, self._started) or health.state}"
            for health in self._supervisor.health
        ]
