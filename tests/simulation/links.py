"""Many nodes that ask one another through a bad network, and the books that are kept about what happened."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from alpi.alp.core.address import Address
from alpi.alp.core.envelope import read_envelope
from alpi.alp.core.errors import LinkError
from alpi.alp.core.methods import ASK, AskParams, AskResult, OverCap
from alpi.alp.core.peers import DayBudget, Peer, PeerBook
from alpi.alp.io.client import Client
from alpi.alp.io.handler import AskStream
from alpi.alp.io.network import Listen
from alpi.alp.io.node import Node
from alpi.alp.io.peersfile import FixedPeers
from alpi.alp.io.replayfile import ReplayInMemory
from alpi.alp.io.sessions import TcpSession
from tests.simulation.world import SimNetwork, VirtualClock, Weather, World, simulate
from tests.support.links import identity, peer, seeded

PER_MINUTE = 20
NEIGHBOURS = 6
TOKENS = 100
ASK_SECONDS = 90.0


@dataclass
class Report:
    """What happened. ``executed``: how often each prompt's turn began; ``outcomes``: how each call ended."""

    executed: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, str] = field(default_factory=dict)
    admitted: dict[tuple[str, int, str], list[float]] = field(default_factory=dict)
    spent: Counter[tuple[str, str]] = field(default_factory=Counter)
    replayed: int = 0
    dropped_replays: int = 0
    restarts: int = 0
    seconds: float = 0.0
    weather: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)


class Host:
    """One host: a node, a client, its agent, and what survives a restart."""

    def __init__(self, world: World, number: int, seed: int, report: Report) -> None:
        self.world, self.report, self.name = world, report, f"host{number}"
        self.me = identity(1000 + number)
        self.rng = random.Random(seed * 1000 + number)
        self.clock = VirtualClock(off=self.rng.uniform(-50, 50))
        self.store = ReplayInMemory()
        self.network = SimNetwork(world, self.name)
        self.book = PeerBook()
        self.run = 0
        self.caps: dict[str, int] = {}
        self.node: Node | None = None
        self.client = Client(self.me, clock=self.clock, random=seeded(seed * 7 + number), network=self.network)

    agent_name = "simulated"

    def pin(self, others: list[Host]) -> None:
        self.book = PeerBook(
            [
                peer(
                    other.me,
                    other.name,
                    address=Address(other.name),
                    per_minute=PER_MINUTE,
                    budget=DayBudget(tokens=TOKENS * self.rng.randrange(5, 60)),
                )
                for other in others
            ]
        )

    async def start(self) -> None:
        self.run += 1
        random_bytes = seeded(self.rng.randrange(1 << 40))
        self.node = Node(
            self.me,
            FixedPeers(self.book),
            self,
            clock=self.clock,
            listen=Listen(Address(self.name)),
            random=random_bytes,
            log=self._log,
            store=self.store,
            network=self.network,
        )
        await self.node.start()

    async def restart(self, crash: bool) -> None:
        node, self.node = self.node, None
        if node is None:
            return
        self.report.restarts += 1
        if crash:
            self.world.host_gone(self.name)
        await node.close(drain=0.0)
        await asyncio.sleep(self.rng.uniform(0.1, 5.0))
        await self.start()

    def over_cap(self, asking: Peer, params: AskParams) -> OverCap | None:
        assert asking.budget.tokens is not None
        if self.report.spent[self.name, asking.id] + TOKENS > asking.budget.tokens:
            return OverCap("tokens", "peer")
        return None

    async def ask(self, asking: Peer, params: AskParams, stream: AskStream) -> AskResult:
        self.report.executed[params.prompt] += 1
        self.report.spent[self.name, asking.id] += TOKENS
        self.report.admitted.setdefault((self.name, self.run, asking.id), []).append(self.clock.monotonic())
        session = f"thread-{asking.id}"
        await stream.begin(session)
        await stream.text("one ")
        stopped = asyncio.create_task(stream.cancelled.wait())
        work = asyncio.create_task(self._work(params.prompt))
        done, _ = await asyncio.wait({stopped, work}, return_when=asyncio.FIRST_COMPLETED)
        if work not in done:
            work.cancel()
            return AskResult("one ", session, interrupted=True)
        stopped.cancel()
        await stream.text("two")
        return AskResult(f"one two {params.prompt}", session, TOKENS, 0, 0.0)

    async def _work(self, prompt: str) -> None:
        await asyncio.sleep(self.rng.expovariate(1 / 2.0))
        hops = prompt.count(">")
        if hops < 2 and self.rng.random() < 0.2:  # the agent asks somebody in turn, perhaps whoever is asking it
            other = self.rng.choice(self.book.peers)
            await self.call(other, f"{prompt}>{other.id}")

    async def call(self, target: Peer, prompt: str) -> None:
        """Ask, and write down how it ended."""
        pieces: list[str] = []
        try:
            result = await self.client.ask(target, prompt, on_text=pieces.append, seconds=ASK_SECONDS)
            whole = result.interrupted or (result.text == f"one two {prompt}" and "".join(pieces) == "one two")
            ended = "interrupted" if result.interrupted else "answer" if whole else "WRONG ANSWER"
        except LinkError as error:
            ended = type(error).__name__
        except asyncio.CancelledError:
            self.report.outcomes[prompt] = "stopped"
            raise
        self.report.outcomes[prompt] = ended

    def _log(self, line: str) -> None:
        if "seen before" in line or "2 minutes off" in line:
            self.report.dropped_replays += 1
        if "refused (" in line:
            self.report.refused[line.partition("refused (")[2].rstrip(")")] += 1


class Replayer:
    """Makes some callers send each envelope twice, or an old one again: what a thief of plaintexts, or a broken node, would do."""

    def __init__(self, seed: int, report: Report) -> None:
        self.rng, self.report = random.Random(seed), report
        self.old: dict[tuple[str, str], bytes] = {}

    def wrap(self, host: str, protocol: asyncio.Protocol) -> None:
        assert isinstance(protocol, TcpSession)
        if self.rng.random() >= 0.1:
            return
        send = protocol.send

        def twice(data: bytes) -> None:
            envelope = read_envelope(data)
            before = self.old.get((host, envelope.recipient))
            if before is not None and self.rng.random() < 0.5:
                send(before)
                self.report.replayed += 1
            send(data)
            if self.rng.random() < 0.5:
                send(data)
                self.report.replayed += 1
            if envelope.method == ASK:
                self.old[host, envelope.recipient] = data

        protocol.send = twice  # type: ignore[method-assign]


def run(hosts: int, asks: int, seed: int, weather: Weather | None = None) -> Report:
    """So many asks among so many hosts."""
    report = Report()

    async def main() -> None:
        world = World(seed, weather or Weather())
        report.weather = world.weather.happened
        world.wrap = Replayer(seed, report).wrap
        rng = random.Random(seed)
        made = [Host(world, number, seed, report) for number in range(hosts)]
        links: dict[Host, set[int]] = {host: set() for host in made}
        for number in range(hosts):  # pinned by both, so that the one asked may ask back
            for other in rng.sample(range(hosts), min(NEIGHBOURS // 2, hosts - 1)):
                if other != number:
                    links[made[number]].add(other)
                    links[made[other]].add(number)
        for host in made:
            host.pin([made[number] for number in sorted(links[host])])
            await host.start()
        callers: list[asyncio.Task[Any]] = []

        async def one(number: int) -> None:
            await asyncio.sleep(rng.uniform(0, asks / hosts * 6.0))
            host = rng.choice(made)
            target = rng.choice(host.book.peers)
            await host.call(target, f"{number}")

        async def storm() -> None:
            while True:
                await asyncio.sleep(rng.expovariate(hosts / 300))
                await rng.choice(made).restart(crash=rng.random() < 0.5)

        callers = [asyncio.create_task(one(number)) for number in range(asks)]
        trouble = asyncio.create_task(storm())
        await asyncio.gather(*callers)
        trouble.cancel()
        report.seconds = asyncio.get_running_loop().time()
        for host in made:
            await host.client.close()
            if host.node is not None:
                await host.node.close(drain=0.0)
        report.refused = report.refused
        check_caps(made, report)

    simulate(main)
    return report


def check_caps(hosts: list[Host], report: Report) -> None:
    """No peer has had more than its cap."""
    for host in hosts:
        for caller in host.book:
            assert caller.budget.tokens is not None
            assert report.spent[host.name, caller.id] <= caller.budget.tokens
