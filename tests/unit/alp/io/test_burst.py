"""Many requests in one piece: the node looks at some, lets others have their turn, and loses none."""

from __future__ import annotations

import asyncio
from typing import Any

from alpi.alp.core.connection import Connection
from alpi.alp.io.limits import Limits
from alpi.alp.io.links import BURST, TcpLink
from tests.support.links import identity, seeded
from tests.support.stage import in_loop

ME, CALLER = identity(1), identity(2)


class Owner:
    """A node that only notes what has come, and after which request a turn runs."""

    def __init__(self, asks: frozenset[int] = frozenset()) -> None:
        self.identity = ME
        self.limits = Limits()
        self.random = seeded(3)
        self.taken: list[bytes] = []
        self._asks = asks

    def take(self, data: bytes, link: TcpLink, proven: bytes | None) -> None:
        self.taken.append(data)
        if len(self.taken) in self._asks:
            link.asking = lambda: None

    def admits(self, noise_key: bytes) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return lambda *args: None


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    def write(self, data: Any) -> None:
        self.sent += data

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return False


def connected(owner: Owner) -> tuple[TcpLink, Connection]:
    link, wire = TcpLink(owner), Wire()  # type: ignore[arg-type]
    link.connection_made(wire)
    caller = Connection(CALLER, seeded(4)(32), ME.noise_public)
    link.data_received(caller.data_to_send())
    caller.receive(wire.sent)
    link.data_received(caller.data_to_send())
    return link, caller


def frames(caller: Connection, *numbers: int) -> bytes:
    for number in numbers:
        caller.send(b"%d" % number)
    return caller.data_to_send()


@in_loop
async def test_a_burst_is_taken_in_parts_and_in_order() -> None:
    owner = Owner()
    link, caller = connected(owner)
    link.data_received(frames(caller, *range(3 * BURST)))
    assert len(owner.taken) == BURST
    link.data_received(frames(caller, 3 * BURST))  # comes while the rest is still waiting
    assert len(owner.taken) == BURST
    for _ in range(5):
        await asyncio.sleep(0)
    assert owner.taken == [b"%d" % number for number in range(3 * BURST + 1)]
    link.data_received(frames(caller, 99))
    assert owner.taken[-1] == b"99", "what comes alone is taken at once"


@in_loop
async def test_a_turn_in_the_middle_of_a_burst_holds_up_the_rest() -> None:
    owner = Owner(frozenset({BURST, BURST + 2}))
    link, caller = connected(owner)
    link.data_received(frames(caller, *range(2 * BURST)))
    for stop in (BURST, BURST + 2):
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(owner.taken) == stop
        link.ask_done()
    for _ in range(3):
        await asyncio.sleep(0)
    assert owner.taken == [b"%d" % number for number in range(2 * BURST)]


@in_loop
async def test_a_connection_that_ends_meanwhile_takes_nothing_more() -> None:
    owner = Owner()
    link, caller = connected(owner)
    link.data_received(frames(caller, *range(2 * BURST)))
    link.connection_lost(None)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(owner.taken) == BURST
