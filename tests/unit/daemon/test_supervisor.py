"""Services under supervision: falls, pauses, silence, an orderly end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from alpi.base.errors import ProviderError
from alpi.daemon.health import Health
from alpi.daemon.supervisor import Patience, Supervisor
from tests.support.fakes import FakeClock
from tests.support.stage import in_loop

Behaviour = Callable[[Health], Awaitable[None]]


class Scripted:
    """A service that behaves differently each time it is started."""

    def __init__(self, name: str, *behaviours: Behaviour, stale_after: float = 0.0) -> None:
        self.name = name
        self.stale_after = stale_after
        self.starts = 0
        self.drained = False
        self.ended = asyncio.Event()
        self._behaviours = behaviours

    async def run(self, health: Health) -> None:
        behaviour = self._behaviours[min(self.starts, len(self._behaviours) - 1)]
        self.starts += 1
        try:
            await behaviour(health)
        finally:
            self.ended.set()

    async def drain(self) -> None:
        self.drained = True


async def works(health: Health) -> None:
    health.success("at work")
    await asyncio.Event().wait()


async def falls(health: Health) -> None:
    raise OSError("the cable is out")


async def refuses(health: Health) -> None:
    raise ProviderError("the key is wrong", "set another")


async def ends(health: Health) -> None:
    health.success()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go round until something holds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


class Room:
    """A supervisor at work, with its log."""

    def __init__(self, *services: Scripted, patience: Patience | None = None) -> None:
        self.clock = FakeClock()
        self.log: list[str] = []
        self.supervisor = Supervisor(
            services, clock=self.clock, random=lambda: 1.0, tell=self.log.append, patience=patience
        )
        self.task = asyncio.create_task(self.supervisor.run())

    async def close(self) -> None:
        self.supervisor.stop()
        await asyncio.wait_for(self.task, 5)


@in_loop
async def test_a_service_that_falls_is_started_again_and_the_others_go_on() -> None:
    good, bad = Scripted("good", works), Scripted("bad", falls, refuses, works)
    room = Room(good, bad)
    await until(lambda: bad.starts == 3)
    assert good.starts == 1
    assert room.clock.slept == [1.0, 2.0]
    assert room.log == [
        "bad: OSError: the cable is out; starting again in 1.0 s",
        "bad: the key is wrong; starting again in 2.0 s",
    ]
    await until(lambda: room.supervisor.health[1].state == "running")
    assert room.supervisor.health[1].failures == 0
    await room.close()


@in_loop
async def test_pauses_double_up_to_the_longest() -> None:
    bad = Scripted("bad", falls)
    room = Room(bad, patience=Patience(first=1.0, longest=6.0))
    await until(lambda: len(room.clock.slept) >= 5)
    assert room.clock.slept[:5] == [1.0, 2.0, 4.0, 6.0, 6.0]
    assert room.supervisor.health[0].failures >= 5
    await room.close()


@in_loop
async def test_falls_are_forgotten_after_a_long_run() -> None:
    room: Room

    async def runs_long(health: Health) -> None:
        room.clock.go_on(1000)
        raise OSError("late")

    bad = Scripted("bad", falls, falls, runs_long, works)
    room = Room(bad)
    await until(lambda: bad.starts == 4)
    assert room.clock.slept == [1.0, 2.0, 1.0]
    await room.close()


@in_loop
async def test_one_that_goes_silent_is_started_anew() -> None:
    silent = Scripted("poller", works, works, stale_after=60.0)
    room = Room(silent)
    await until(lambda: silent.starts == 2)
    assert any("no success for 60 s" in line for line in room.log)
    await room.close()


@in_loop
async def test_one_that_ends_by_itself_is_not_started_again() -> None:
    done = Scripted("done", ends)
    room = Room(done)
    await until(lambda: room.supervisor.health[0].state == "stopped")
    assert done.starts == 1
    await room.close()


@in_loop
async def test_stop_drains_before_it_ends() -> None:
    order: list[str] = []

    class Busy(Scripted):
        async def drain(self) -> None:
            order.append("drain")
            await asyncio.sleep(0)
            order.append("drained")

    async def runs(health: Health) -> None:
        health.success()
        try:
            await asyncio.Event().wait()
        finally:
            order.append("ended")

    busy = Busy("busy", runs)
    room = Room(busy)
    await until(lambda: busy.starts == 1)
    await room.close()
    assert order == ["drain", "drained", "ended"]
    assert [health.state for health in room.supervisor.health] == ["stopped"]


@in_loop
async def test_a_drain_that_hangs_does_not_keep_it_from_ending() -> None:
    class Stuck(Scripted):
        async def drain(self) -> None:
            await asyncio.Event().wait()

    stuck = Stuck("stuck", works)
    room = Room(stuck, patience=Patience(drain=0.05))
    await until(lambda: stuck.starts == 1)
    await room.close()
    assert any("ended all the same" in line for line in room.log)


@pytest.mark.parametrize(
    ("falls_so_far", "random", "pause"), [(1, 0.0, 0.5), (1, 1.0, 1.0), (9, 1.0, 256.0), (20, 0.0, 150.0)]
)
def test_pauses_are_spread(falls_so_far: int, random: float, pause: float) -> None:
    async def ask() -> float:
        return Supervisor([], clock=FakeClock(), random=lambda: random, tell=print).pause(falls_so_far)

    assert asyncio.run(ask()) == pause
