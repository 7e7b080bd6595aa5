"""Keeps services running: each is a task of its own, started again with growing pauses when it falls over, ended in order at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ..base.clock import Clock
from ..base.errors import AlpiError
from .health import Health, ServiceHealth


class Service(Protocol):
    """Something that runs until it is told to stop.

    ``stale_after``: seconds without a success after which it counts as ill and is started anew; 0 where success cannot be told.
    """

    name: str
    stale_after: float

    async def run(self, health: Health) -> None:
        """Run. Returns only when there is nothing more to do; calls ``health.success()`` whenever it has done what it is for.

        Raises:
            Exception: anything; it is told, and the service is started again after a pause.
        """
        ...

    async def drain(self) -> None:
        """Take nothing new on, and end when what is running is done. Called once, before ``run`` is cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: the first pause after a fall, the longest, how long a service must run for its falls to be forgotten, how long a drain
    may take, and how often ``stale_after`` is looked at."""

    first: float = 1.0
    longest: float = 300.0
    forget: float = 600.0
    drain: float = 30.0
    look: float = 10.0


class Supervisor:
    """Runs services until ``stop``.

    Args:
        services: what to run.
        random: an evenly drawn number from 0 to 1, so that many machines do not come back at the same moment.
        tell: takes one line for the log whenever something starts, falls or ends.
        changed: called whenever the health of one has changed.
    """

    def __init__(
        self,
        services: Sequence[Service],
        *,
        clock: Clock,
        random: Callable[[], float],
        tell: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
        patience: Patience | None = None,
    ) -> None:
        self._services = {service.name: service for service in services}
        self._health = {service.name: Health(service.name, clock, service.stale_after) for service in services}
        self._clock = clock
        self._random = random
        self._tell = tell
        self._changed = changed
        self._patience = patience or Patience()
        self._stopping = asyncio.Event()

    @property
    def health(self) -> list[ServiceHealth]:
        """How each is doing now."""
        return [health.now for health in self._health.values()]

    def stop(self) -> None:
        """End all services in order. May be called more than once, and from a signal handler of the loop."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until ``stop``; then drain and end every service."""
        tasks = [asyncio.create_task(self._keep(name), name=name) for name in self._services]
        try:
            await self._stopping.wait()
            self._tell("stopping: waiting for what is running")
            await self._drain()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for health in self._health.values():
                health.stopped()
            self._changed()

    async def _drain(self) -> None:
        drains = [asyncio.create_task(service.drain()) for service in self._services.values()]
        if not drains:
            return
        done, pending = await asyncio.wait(drains, timeout=self._patience.drain)
        for task in pending:
            task.cancel()
        if pending:
            self._tell(f"stopping: {len(pending)} not done after {self._patience.drain:.0f} s; ended all the same")
        for task in done:
            if not task.cancelled() and task.exception() is not None:
                self._tell(f"stopping: {_words(task.exception())}")

    async def _keep(self, name: str) -> None:
        """One service, again and again."""
        health, falls = self._health[name], 0
        while not self._stopping.is_set():
            begun = self._clock.monotonic()
            health.now.state = "starting"
            self._changed()
            problem = await self._once(name, health)
            if self._stopping.is_set():
                return
            if problem is None:
                health.stopped()
                self._tell(f"{name}: has ended by itself")
                self._changed()
                return
            falls = 1 if self._clock.monotonic() - begun > self._patience.forget else falls + 1
            pause = self.pause(falls)
            health.failed(problem, self._in(pause))
            self._tell(f"{name}: {problem}; starting again in {pause:.1f} s")
            self._changed()
            await self._clock.sleep(pause)

    def pause(self, falls: int) -> float:
        """Seconds to wait after so many falls in a row: doubled each time up to the longest, from half of that to all of it."""
        most = min(self._patience.longest, self._patience.first * 2.0 ** (falls - 1))
        return most * (0.5 + self._random() / 2)

    async def _once(self, name: str, health: Health) -> str | None:
        """Run a service until it ends, falls over or goes silent. Gives what was wrong, or ``None``."""
        task = asyncio.create_task(self._services[name].run(health))
        watch = asyncio.create_task(self._watch(health))
        try:
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                return f"no success for {health.now.stale_after:.0f} s"
            return _words(task.exception()) if not task.cancelled() and task.exception() is not None else None
        finally:
            for one in (task, watch):
                one.cancel()
            await asyncio.gather(task, watch, return_exceptions=True)

    async def _watch(self, health: Health) -> None:
        """Returns when the service has had no success for too long; a poller that hangs looks alive in every other way."""
        if health.now.stale_after <= 0:
            await asyncio.Event().wait()
        begun = self._clock.now()
        while True:
            await self._clock.sleep(self._patience.look)
            last = max(health.now.last_success or begun, begun)
            if (self._clock.now() - last).total_seconds() > health.now.stale_after:
                return

    def _in(self, seconds: float) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)


def _words(error: BaseException | None) -> str:
    if isinstance(error, AlpiError):
        return error.message
    return f"{type(error).__name__}: {error}"
