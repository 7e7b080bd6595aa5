"""How the services are doing: the age of the last success, never a bare "connected". Written to ``run/serve.json`` for others to read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from ..base.clock import Clock
from ..base.files import private_dir, write_atomic

State = Literal["starting", "running", "waiting", "stopped"]
# A report that is older than this was left behind by a process that cannot write any more.
REPORT_SECONDS = 30.0
NAME = "serve.json"


class ServiceHealth(Struct, kw_only=True):
    """One service. ``last_success`` is when it last did what it is for; ``stale_after`` how many seconds later that is a fault (0: never);
    ``failures`` in a row; ``problem`` the last one in words; ``detail`` what it says of itself (an address, a count)."""

    name: str
    state: State = "starting"
    last_success: datetime | None = None
    stale_after: float = 0.0
    failures: int = 0
    problem: str = ""
    detail: str = ""
    next_try: datetime | None = None


class Report(Struct, kw_only=True):
    """What ``alpi serve`` says of itself."""

    pid: int
    version: str
    started: datetime
    written: datetime
    services: list[ServiceHealth]


class Health:
    """One service's way to say how it is. Handed to ``Service.run``."""

    def __init__(self, name: str, clock: Clock, stale_after: float = 0.0) -> None:
        self.now = ServiceHealth(name=name, stale_after=stale_after)
        self._clock = clock

    def success(self, detail: str = "") -> None:
        """It has just done what it is for."""
        self.now.state = "running"
        self.now.last_success = self._clock.now()
        self.now.failures = 0
        self.now.problem = ""
        self.now.next_try = None
        if detail:
            self.now.detail = detail

    def failed(self, problem: str, next_try: datetime) -> None:
        """It has fallen over and will be started again at ``next_try``."""
        self.now.state = "waiting"
        self.now.failures += 1
        self.now.problem = problem
        self.now.next_try = next_try

    def stopped(self) -> None:
        self.now.state = "stopped"


def is_stale(service: ServiceHealth, now: datetime, started: datetime) -> bool:
    """Whether its last success is too long ago, or it has had none in that time."""
    return service.stale_after > 0 and (now - (service.last_success or started)).total_seconds() > service.stale_after


def problem_of(service: ServiceHealth, now: datetime, started: datetime) -> str:
    """What is wrong with a service in one sentence, or ``""``."""
    if service.state == "waiting":
        again = f", next try at {service.next_try.astimezone():%H:%M:%S}" if service.next_try else ""
        return f"{service.problem} (failed {service.failures} times in a row{again})"
    if is_stale(service, now, started):
        since = f"since {service.last_success.astimezone():%Y-%m-%d %H:%M}" if service.last_success else "yet"
        return f"no success {since}"
    return ""


def write_report(folder: Path, report: Report) -> None:
    """Put the report where ``read_report`` finds it.

    Raises:
        StorageError: it cannot be written.
    """
    import msgspec

    private_dir(folder)
    write_atomic(folder / NAME, msgspec.json.encode(report) + b"\n")


def read_report(folder: Path) -> Report | None:
    """The last report, or ``None`` where there is none, or none that can be read."""
    import msgspec

    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError):
        return None


def lines(services: Sequence[ServiceHealth], now: datetime, started: datetime) -> list[str]:
    """The services for a person, one line each."""
    told = []
    for service in services:
        problem = problem_of(service, now, started)
        last = f", last success {_ago((now - service.last_success).total_seconds())}" if service.last_success else ""
        detail = f" · {service.detail}" if service.detail else ""
        told.append(f"{service.name:10} {problem or service.state + last}{detail}")
    return told


def _ago(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7200 else f"{seconds / 3600:.0f} h ago"
