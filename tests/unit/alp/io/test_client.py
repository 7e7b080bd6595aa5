"""The client against real nodes, and against servers that misbehave: each failure has its name, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from alpi.alp.core.address import Address
from alpi.alp.core.connection import Connection, EnvelopeArrived
from alpi.alp.core.envelope import Seal, read_envelope, seal_result
from alpi.alp.core.errors import (
    BadAnswer,
    CapabilityDenied,
    ConnectionLost,
    LinkError,
    PeerBusy,
    PeerFailed,
    PeerOffline,
    PeerOverBudget,
    RateLimited,
    SilentlyDropped,
    TimedOut,
    WrongKey,
)
from alpi.alp.core.identity import Identity
from alpi.alp.core.methods import OverCap
from alpi.alp.core.peers import Peer
from alpi.alp.io.client import Client
from alpi.alp.io.limits import Timeouts
from alpi.base.clock import SystemClock
from alpi.base.errors import UsageError
from tests.support.fakes import OffClock
from tests.support.link_nodes import ANY, RawServer, Running, running, until
from tests.support.links import identity, peer

ME, NAS, OTHER = identity(1), identity(2), identity(3)
QUICK = Timeouts(connect=1.0, handshake=0.5, short=0.5, silence=0.5, idle=60.0, busy_tries=3, busy_pause=0.02)


@asynccontextmanager
async def a_client(path: Path | None = None, **changes: Any) -> AsyncIterator[Client]:
    given: dict[str, Any] = {"clock": SystemClock(), "timeouts": QUICK, "socket_of": lambda peer: path} | changes
    client = Client(changes.pop("identity", ME), **{key: value for key, value in given.items() if key != "identity"})
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def pair(folder: Path, unix: bool = False, **changes: Any) -> AsyncIterator[tuple[Client, Peer, Running]]:
    """A client, its entry for the node, and the node."""
    listen = None if unix else ANY
    async with (
        running(NAS, peer(ME, "laptop"), folder=folder / "alp", listen=listen, **changes) as node,
        a_client(node.node.socket) as client,
    ):
        yield client, peer(NAS, "nas", address=None if unix else node.address), node


@pytest.fixture(params=[False, True], ids=["tcp", "unix"])
def unix(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_ping_ask_and_cancel(tmp_path: Path, unix: bool) -> None:
    async def scenario() -> None:
        async with pair(tmp_path, unix) as (client, nas, node):
            pong = await client.ping(nas)
            assert (pong.agent_name, pong.version) == ("tested", 1) and 0 < pong.seconds < 1
            told: list[str] = []
            result = await client.ask(
                nas, "say one two", tokens=5, usd=0.5, on_session=told.append, on_text=told.append
            )
            assert (result.text, result.session_id, result.tokens_in, result.cost) == (
                "one two",
                "session-laptop",
                10,
                0.25,
            )
            assert told == ["session-laptop", "one", "two"]
            assert (node.handler.asked[0][1].tokens, node.handler.asked[0][1].usd) == (5, 0.5)
            assert await client.cancel(nas) is False
            asking = asyncio.create_task(client.ask(nas, "wait"))
            await until(lambda: node.handler.running == 1)
            assert await client.cancel(nas) is True
            assert (await asking).interrupted

    asyncio.run(scenario())


def test_a_node_that_others_have_written(tmp_path: Path) -> None:
    async def scenario() -> None:
        server = RawServer(NAS)
        nas = peer(NAS, "nas", address=await server.start())
        async with a_client() as client:
            for _ in range(3):
                assert (await client.ping(nas)).agent_name == "raw"
                told: list[str] = []
                result = await client.ask(nas, "täglich: 日本 😀", usd=0.25, on_text=told.append)
                assert (result.text, result.cost, told) == ("two words", 1e-05, ["two ", "words"])
        assert [body["method"] for body in server.requests] == ["link.ping", "link.ask"] * 3
        assert server.requests[1]["params"] == {"prompt": "täglich: 日本 😀", "stream": True, "budget": {"usd": 0.25}}
        server.server.close()

    asyncio.run(scenario())


def test_sessions_are_kept_one_for_short_calls_and_one_for_asks(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with pair(tmp_path) as (client, nas, node):
            for _ in range(3):
                await client.ping(nas)
                await client.ask(nas, "say x")
                await client.cancel(nas)
            assert len(node.node._sessions) == 2
            await asyncio.gather(*(client.ping(nas) for _ in range(20)))
            assert len(node.node._sessions) == 2

    asyncio.run(scenario())


def test_an_idle_session_is_closed_by_the_client(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(NAS, peer(ME, "laptop"), folder=tmp_path / "alp") as node:
            nas = peer(NAS, "nas", address=node.address)
            async with a_client(timeouts=Timeouts(idle=0.1)) as client:
                await client.ping(nas)
                await until(lambda: not node.node._sessions)
                await client.ping(nas)
                assert len(node.node._sessions) == 1

    asyncio.run(scenario())


def test_after_a_restart_the_next_call_connects_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_client() as client:
            for number in range(2):
                async with running(NAS, peer(ME, "laptop"), folder=tmp_path / f"{number}") as node:
                    await client.ping(peer(NAS, "nas", address=node.address))

    asyncio.run(scenario())


async def failure(call: Any) -> LinkError:
    try:
        await call
    except LinkError as error:
        assert error.hint or isinstance(error, ConnectionLost), error
        assert "nas" in error.message
        return error
    raise AssertionError("it did not fail")


def test_offline(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with a_client() as client:
            for address in (Address("127.0.0.1", 1), Address("no-such-host.invalid")):
                assert type(await failure(client.ping(peer(NAS, "nas", address=address)))) is PeerOffline
            assert type(await failure(client.ping(peer(NAS, "nas")))) is PeerOffline
        async with a_client(tmp_path / "alp.sock") as client:
            assert type(await failure(client.ping(peer(NAS, "nas")))) is PeerOffline

    asyncio.run(scenario())


def test_the_wrong_key(tmp_path: Path, unix: bool) -> None:
    async def scenario() -> None:
        async with pair(tmp_path, unix) as (client, nas, node):
            wrong = peer(OTHER, "nas", address=nas.address)
            error = await failure(client.ping(wrong))
            # On one machine nothing is proved before the answer: there the node drops what is not meant for it.
            assert type(error) is (SilentlyDropped if unix else WrongKey)
            assert node.handler.asked == []

    asyncio.run(scenario())


def test_not_pinned_and_a_clock_that_is_off(tmp_path: Path, unix: bool) -> None:
    async def scenario() -> None:
        async with pair(tmp_path, unix) as (_, nas, node):
            async with a_client(node.node.socket, identity=OTHER) as stranger:
                error = await failure(stranger.ask(nas, "say x"))
                assert type(error) is SilentlyDropped and "not pinned" in error.hint and "clock" in error.hint
            for off in (-180.0, 180.0):
                async with a_client(node.node.socket, clock=OffClock(off)) as late:
                    assert type(await failure(late.ping(nas))) is SilentlyDropped
            assert node.said("more than 2 minutes off") and node.handler.asked == []

    asyncio.run(scenario())


def test_answers_that_say_no(tmp_path: Path, unix: bool) -> None:
    async def scenario() -> None:
        async with pair(tmp_path, unix) as (client, nas, node):
            assert type(await failure(client.ask(nas, "fail"))) is PeerFailed
            assert type(await failure(client.ask(nas, "cap"))) is PeerOverBudget
            node.handler.cap = OverCap("usd", "profile")
            over = await failure(client.ask(nas, "say x"))
            assert isinstance(over, PeerOverBudget) and (over.kind, over.scope, over.exit_code) == ("usd", "profile", 4)
            assert (await client.ping(nas)).version == 1
        narrow = peer(ME, "laptop", allow=("link.ping",), per_minute=2)
        async with running(NAS, narrow, folder=tmp_path / "narrow") as node, a_client() as client:
            nas = peer(NAS, "nas", address=node.address)
            assert type(await failure(client.ask(nas, "say x"))) is CapabilityDenied
            await client.ping(nas)
            await client.ping(nas)
            assert type(await failure(client.ping(nas))) is RateLimited

    asyncio.run(scenario())


def test_busy_is_tried_again_a_few_times(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with pair(tmp_path) as (client, nas, node):
            node.handler.busy_times = 2
            assert (await client.ask(nas, "say x")).text == "x"
            assert len(node.handler.asked) == 3
            node.handler.busy_times = 3
            assert type(await failure(client.ask(nas, "say x"))) is PeerBusy
            assert len(node.handler.asked) == 6

    asyncio.run(scenario())


def test_stopping_the_call_stops_the_turn(tmp_path: Path, unix: bool) -> None:
    async def scenario() -> None:
        async with pair(tmp_path, unix) as (client, nas, node):
            asking = asyncio.create_task(client.ask(nas, "wait"))
            await until(lambda: node.handler.running == 1)
            asking.cancel()
            began = time.monotonic()
            await until(lambda: node.handler.stopped == ["laptop"])
            assert time.monotonic() - began < 1.0
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert (await client.ask(nas, "say x")).text == "x"

    asyncio.run(scenario())


def test_too_long_for_a_frame_or_nothing_at_all(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with pair(tmp_path) as (client, nas, node):
            for prompt in ("", " \n", "x" * (1 << 20)):
                with pytest.raises(UsageError):
                    await client.ask(nas, prompt)
            assert node.handler.asked == []
            assert (await client.ping(nas)).version == 1

    asyncio.run(scenario())


def test_an_ask_has_its_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with pair(tmp_path) as (client, nas, node):
            assert type(await failure(client.ask(nas, "wait", seconds=0.3))) is TimedOut
            await until(lambda: node.handler.stopped == ["laptop"])

    asyncio.run(scenario())


Answer = Callable[[Connection, bytes], None]


class Misbehaving(asyncio.Protocol):
    """A server that completes the handshake (or not) and then does what it likes. ``seen``: the requests that reached it."""

    def __init__(self, seen: list[bytes], answer: Answer | None, at_once: bool = False) -> None:
        self.core = Connection(NAS, bytes(32), None, lambda key: True)
        self.seen, self.answer, self.at_once = seen, answer, at_once

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self.at_once:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.answer is None:
            return
        for event in self.core.receive(data):
            if isinstance(event, EnvelopeArrived):
                self.seen.append(event.data)
                self.answer(self.core, event.data)
        out = self.core.data_to_send()
        if out == b"" and self.core.is_broken:
            self.transport.abort()
        self.transport.write(out)


@asynccontextmanager
async def misbehaving(answer: Answer | None, at_once: bool = False) -> AsyncIterator[tuple[Peer, list[bytes]]]:
    seen: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(lambda: Misbehaving(seen, answer, at_once), "127.0.0.1", 0)
    try:
        yield peer(NAS, "nas", address=Address("127.0.0.1", server.sockets[0].getsockname()[1])), seen
    finally:
        server.close()


def result(request: bytes, body: Any, by: Identity = NAS, now: float = 0.0, **changes: Any) -> bytes:
    envelope = read_envelope(request)
    seal = Seal(time.time() + now, changes.get("nonce", time.monotonic_ns().to_bytes(16, "big")))
    return seal_result(
        by, changes.get("to", envelope.sender), changes.get("id", envelope.id), body, seal, changes.get("stream", "")
    )


def pong(request: bytes) -> dict[str, Any]:
    params = read_envelope(request).params
    assert isinstance(params, dict)
    return {"nonce": params["nonce"], "version": 1, "agent_name": "x"}


def nothing(core: Connection, request: bytes) -> None:
    pass


CASES: list[tuple[Answer | None, type[LinkError], str]] = [
    (None, TimedOut, "handshake"),
    (nothing, SilentlyDropped, "has not answered"),
    (lambda core, request: core.end(), SilentlyDropped, "ended the connection"),
    (lambda core, request: core.send(b"{}"), BadAnswer, "no envelope"),
    (lambda core, request: core.send(result(request, pong(request), by=OTHER)), WrongKey, "another key"),
    (lambda core, request: core.send(result(request, pong(request), id="x")), BadAnswer, "another question"),
    (lambda core, request: core.send(result(request, pong(request), to=OTHER.name)), BadAnswer, "another node"),
    (lambda core, request: core.send(result(request, pong(request), now=-150)), BadAnswer, "clock"),
    (lambda core, request: core.send(result(request, {"nonce": "x"})), BadAnswer, "something else"),
    (lambda core, request: core.send(result(request, None)), BadAnswer, "something else"),
    (lambda core, request: core.send(result(request, {"text": ""}, stream="chunk")), BadAnswer, "a piece"),
]


@pytest.mark.parametrize(("answer", "kind", "said"), CASES, ids=[said for _, _, said in CASES])
def test_a_peer_that_misbehaves(answer: Answer | None, kind: type[LinkError], said: str) -> None:
    async def scenario() -> None:
        async with misbehaving(answer) as (nas, seen), a_client() as client:
            error = await failure(client.ping(nas))
            assert type(error) is kind and said in error.message, error
            assert len(seen) <= 1

    asyncio.run(scenario())


def test_closing_before_message_2_is_the_wrong_key() -> None:
    async def scenario() -> None:
        async with misbehaving(None, at_once=True) as (nas, _), a_client() as client:
            assert type(await failure(client.ping(nas))) is WrongKey

    asyncio.run(scenario())


def test_what_breaks_in_the_middle_is_never_sent_again() -> None:
    requests: list[bytes] = []

    def half(core: Connection, request: bytes) -> None:
        requests.append(request)
        if len(requests) == 1:
            core.send(result(request, {"text": "", "session_id": "s"}, stream="chunk"))
        elif len(requests) == 2:
            core.end()
        else:
            core.send(result(request, {"text": "whole"}, stream="final"))

    async def scenario() -> None:
        async with misbehaving(half) as (nas, seen), a_client() as client:
            asking = asyncio.create_task(client.ask(nas, "say x", seconds=0.3))
            assert type(await failure(asking)) is TimedOut
            assert type(await failure(client.ask(nas, "say x"))) is SilentlyDropped
            assert (await client.ask(nas, "say x")).text == "whole"
            assert len(seen) == 3 and len({read_envelope(request).nonce for request in seen}) == 3

    asyncio.run(scenario())


def test_a_broken_stream_is_a_lost_connection() -> None:
    def cut(core: Connection, request: bytes) -> None:
        core.send(result(request, {"text": "", "session_id": "s"}, stream="chunk"))
        asyncio.get_running_loop().call_later(0.05, lambda: ends[-1].abort())

    ends: list[Any] = []

    class Remembering(Misbehaving):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            ends.append(transport)

    async def scenario() -> None:
        seen: list[bytes] = []
        server = await asyncio.get_running_loop().create_server(lambda: Remembering(seen, cut), "127.0.0.1", 0)
        nas = peer(NAS, "nas", address=Address("127.0.0.1", server.sockets[0].getsockname()[1]))
        async with a_client() as client:
            error = await failure(client.ask(nas, "say x"))
            assert type(error) is ConnectionLost and "not sent again" in error.hint
            assert len(seen) == 1
        server.close()

    asyncio.run(scenario())


def test_a_replayed_answer_is_not_taken() -> None:
    def twice(core: Connection, request: bytes) -> None:
        core.send(result(request, pong(request), nonce=b"n" * 16))

    async def scenario() -> None:
        async with misbehaving(twice) as (nas, _), a_client() as client:
            await client.ping(nas)
            error = await failure(client.ping(nas))
            assert type(error) is BadAnswer and "seen before" in error.message

    asyncio.run(scenario())
