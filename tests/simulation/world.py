"""A world for asyncio code that is the same in every run: time passes only when everybody waits, and the network is a seeded adversary."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from alpi.alp.core.address import Address
from alpi.alp.io.network import Factory, Listen

T = TypeVar("T")
BEGIN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Deadlock(Exception):
    """Everybody waits, and nothing will ever happen."""


class _Selector(selectors.SelectSelector):
    """Instead of waiting, moves the loop's time on."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Deadlock("everybody waits, and nothing will ever happen")
        self.loop.virtual += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual: an hour passes as fast as what happens in it."""

    def __init__(self) -> None:
        self.virtual = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.virtual


def simulate(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a world of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


@dataclass(frozen=True)
class VirtualClock:
    """The clock of one host, wrong by so many seconds."""

    off: float = 0.0

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=self.monotonic() + self.off)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Weather:
    """How bad the network is: chances for each piece of data on its way, and for each connection."""

    latency: tuple[float, float] = (0.001, 0.08)
    cut: float = 0.002
    """The connection breaks, and both ends notice."""
    swallowed: float = 0.001
    """The cable is cut: nothing arrives any more, and both ends notice only after ``notice`` seconds."""
    doubled: float = 0.002
    reordered: float = 0.002
    flipped: float = 0.001
    refused: float = 0.01
    notice: float = 25.0
    happened: dict[str, int] = field(default_factory=dict)


class SimTransport(asyncio.Transport):
    """One end of a simulated connection. Pieces arrive in order unless the adversary has its hand in it."""

    def __init__(self, world: World, name: str, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": (name, 1)})
        self.protocol = protocol
        self.other: SimTransport
        self._world = world
        self._gone = False
        self._dead = False
        self._paused = False
        self._held: list[bytes] = []
        self._coming: deque[bytes | None] = deque()
        self._next = 0.0

    def is_closing(self) -> bool:
        return self._gone

    def write(self, data: Any) -> None:
        if self._gone or self._dead:
            return
        data = bytes(data)
        for piece in self._world.pieces(self, data):
            self._put(piece)

    def close(self) -> None:
        """What was written still arrives, then the end."""
        if not self._gone:
            self._gone = True
            if not self._dead:
                self._put(None)
            self._world.later(0.0, self._tell)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        held, self._held = self._held, []
        for piece in held:
            self._world.later(0.0, self.arrive, piece)

    def deliver(self) -> None:
        """The next piece on its way to this end arrives; ``None`` is the end."""
        piece = self._coming.popleft()
        if piece is None:
            self.lost()
        else:
            self.arrive(piece)

    def arrive(self, data: bytes) -> None:
        if self._paused and not self._gone:
            self._held.append(data)
        elif not self._gone and not self._dead:
            self.protocol.data_received(data)

    def lost(self) -> None:
        """The other end is gone."""
        if not self._gone:
            self._gone = True
            self._tell()

    def cut(self) -> None:
        """The connection breaks at once, for both ends."""
        for end in (self, self.other):
            self._world.later(0.0, end.lost)

    def swallow(self, notice: float) -> None:
        """Nothing gets through any more; somebody notices later."""
        for end in (self, self.other):
            end._dead = True
            self._world.later(notice, end.lost)

    def _put(self, piece: bytes | None) -> None:
        """Send a piece on its way. It arrives after all before it: two timers of one moment would go off in any order."""
        now = asyncio.get_running_loop().time()
        self._next = max(self._next, now + self._world.rng.uniform(*self._world.weather.latency))
        self.other._coming.append(piece)
        self._world.later(self._next - now, self.other.deliver)

    def _tell(self) -> None:
        self._world.connections.pop(self, None)
        self.protocol.connection_lost(None)


class World:
    """All hosts and what connects them."""

    def __init__(self, seed: int, weather: Weather) -> None:
        self.rng = random.Random(seed)
        self.weather = weather
        self.listening: dict[str, Factory] = {}
        self.connections: dict[SimTransport, str] = {}
        self.wrap: Callable[[str, asyncio.Protocol], None] = lambda host, protocol: None
        """May change a caller's end of a new connection: for callers that misbehave."""

    def later(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(seconds, call, *args)

    def pieces(self, transport: SimTransport, data: bytes) -> list[bytes]:
        """What becomes of a piece of data on its way."""
        weather, rng = self.weather, self.rng
        draw = rng.random()
        for what in ("cut", "swallowed", "doubled", "reordered", "flipped"):
            chance = getattr(weather, what)
            if draw < chance:
                weather.happened[what] = weather.happened.get(what, 0) + 1
                return self._harm(what, transport, data)
            draw -= chance
        if len(data) > 1 and rng.random() < 0.2:  # TCP keeps the order, and cuts where it likes
            at = rng.randrange(1, len(data))
            return [data[:at], data[at:]]
        return [data]

    def host_gone(self, host: str) -> None:
        """A host crashes: nobody listens there any more, and its connections break."""
        self.listening.pop(host, None)
        for transport, owner in list(self.connections.items()):
            if owner == host:
                transport.cut()

    def _harm(self, what: str, transport: SimTransport, data: bytes) -> list[bytes]:
        if what == "cut":
            transport.cut()
            return []
        if what == "swallowed":
            transport.swallow(self.weather.notice)
            return []
        if what == "doubled":
            return [data, data]
        at = self.rng.randrange(len(data))
        if what == "reordered":
            return [data[at:], data[:at]]
        return [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]]


@dataclass
class _SimListener:
    world: World
    host: str
    addresses: Sequence[Address]

    def close(self) -> None:
        self.world.listening.pop(self.host, None)


class SimNetwork:
    """The network as one host sees it. An address is a host's name."""

    def __init__(self, world: World, host: str) -> None:
        self._world = world
        self._host = host

    async def listen(self, where: Listen, factory: Factory) -> _SimListener:
        self._world.listening[self._host] = factory
        return _SimListener(self._world, self._host, (where.address,))

    async def listen_unix(self, path: Path, factory: Factory) -> _SimListener:
        raise OSError("there are no files here")

    async def connect(self, address: Address, factory: Factory) -> asyncio.Protocol:
        world = self._world
        await asyncio.sleep(world.rng.uniform(*world.weather.latency))
        accept = world.listening.get(address.host)
        if accept is None or world.rng.random() < world.weather.refused:
            raise ConnectionRefusedError(111, "Connection refused")
        mine, theirs = factory(), accept()
        near, far = SimTransport(world, address.host, mine), SimTransport(world, self._host, theirs)
        near.other, far.other = far, near
        world.connections[near], world.connections[far] = self._host, address.host
        world.wrap(self._host, mine)
        theirs.connection_made(far)
        mine.connection_made(near)
        return mine

    async def connect_unix(self, path: Path, factory: Factory) -> asyncio.Protocol:
        raise OSError("there are no files here")
