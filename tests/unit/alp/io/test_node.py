"""A node as others see it: over TCP with an independent Noise, and on its Unix socket with plain lines."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from alpi.alp.core.envelope import write_time
from alpi.alp.core.methods import OverCap
from alpi.alp.core.peers import PeerBook
from alpi.alp.io.limits import Limits
from alpi.alp.io.peersfile import FixedPeers, PeersFile
from alpi.base.errors import ConfigError
from alpi.base.locks import Locked
from tests.support.link_nodes import RawCaller, envelope, running, unix_call, until
from tests.support.links import identity, peer

ME, CALLER, OTHER, STRANGER = identity(1), identity(2), identity(3), identity(4)
PEERS = (peer(CALLER, "caller"), peer(OTHER, "other"))


def ping(**changes: Any) -> bytes:
    return envelope(CALLER, ME.name, "link.ping", {"nonce": "n"}, **changes)


def ask(prompt: str, by: Any = CALLER, **params: Any) -> bytes:
    return envelope(by, ME.name, "link.ask", {"prompt": prompt, **params}, id="ask")


def test_an_independent_caller_is_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            for number in range(3):
                await caller.send(ping(id=f"p{number}"))
                body = await caller.receive()
                assert (body["id"], body["result"]) == (
                    f"p{number}",
                    {"nonce": "n", "version": 1, "agent_name": "tested"},
                )
                assert (body["alp"]["from"], body["alp"]["to"]) == (ME.name, CALLER.name)
                assert "stream" not in body and "error" not in body
            await caller.send(ask("say one two", stream=True))
            bodies = [await caller.receive() for _ in range(4)]
            assert [body["stream"] for body in bodies] == ["chunk", "chunk", "chunk", "final"]
            assert [body["result"] for body in bodies[:3]] == [
                {"text": "", "session_id": "session-caller"},
                {"text": "one"},
                {"text": "two"},
            ]
            whole = {
                "text": "one two",
                "session_id": "session-caller",
                "tokens_in": 10,
                "tokens_out": 5,
                "cost": 0.25,
                "interrupted": False,
            }
            assert bodies[3]["result"] == whole
            await caller.send(ask("say one two"))
            body = await caller.receive()
            assert body["result"] == whole and "stream" not in body
            caller.close()

    asyncio.run(scenario())


def test_the_first_frame_may_come_together_with_message_3(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, ME).connect(node.address, steps=2)
            message = bytes(caller.noise.write_message())
            caller.writer.write(struct.pack(">H", len(message)) + message + caller.frame(ping()))
            assert (await caller.receive())["result"]["nonce"] == "n"
            caller.close()

    asyncio.run(scenario())


def test_a_stranger_gets_no_byte_after_message_2(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            stranger = await RawCaller(STRANGER, ME).connect(node.address)
            stranger.writer.write(stranger.frame(envelope(STRANGER, ME.name, "link.ping", {"nonce": "n"})))
            assert await stranger.ends() == b""
            await until(lambda: node.said("127.0.0.1: turned away"))
            assert node.said(STRANGER.words)
            assert node.node.last_admitted is None

    asyncio.run(scenario())


def test_whoever_has_the_wrong_key_for_the_node_gets_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, OTHER).connect(node.address, steps=1)
            assert await caller.ends() == b""

    asyncio.run(scenario())


def dropped() -> list[dict[str, Any]]:
    """What makes a request one that gets no answer; the times are wrong as of now."""
    return [
        {"v": 2},
        {"ts": write_time(time.time() - 125)},
        {"ts": write_time(time.time() + 200)},
        {"signer": OTHER},
        {"to": OTHER.name},
        {"from": OTHER.name, "signer": OTHER},
        {"from": STRANGER.name, "signer": STRANGER},
        {"nonce": "0" * 30},
    ]


def test_what_is_dropped_is_dropped_in_silence_and_the_session_goes_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            cases = dropped()
            for changes in cases:
                await caller.send(ping(**changes))
            await caller.send(b"{}")
            await caller.send(b"")
            twice = ping(id="twice")
            await caller.send(twice)
            await caller.send(twice)
            await caller.send(ping(id="after"))
            assert (await caller.receive())["id"] == "twice"
            assert (await caller.receive())["id"] == "after"
            assert await caller.is_silent()
            assert len([line for line in node.lines if "dropped" in line]) == len(cases) + 3
            caller.close()

    asyncio.run(scenario())


def test_on_the_unix_socket_what_is_dropped_ends_the_connection(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp", listen=None) as node:
            assert node.node.socket is not None
            path = node.node.socket
            cases = [ping(**changes) for changes in dropped() if "from" not in changes] + [
                b"{}",
                b"",
                b"\xff",
                ping(**{"from": STRANGER.name}),
            ]
            for line in cases:
                assert await unix_call(path, line) == [], line
            once = ping()
            (answer,) = await unix_call(path, once)
            assert answer["result"]["agent_name"] == "tested"
            assert await unix_call(path, once) == []
            # One request for each connection: a second one is not read.
            assert len(await unix_call(path, ping(), ping())) == 1
            streamed = await unix_call(path, ask("say a b", stream=True))
            assert [body["stream"] for body in streamed] == ["chunk", "chunk", "chunk", "final"]

    asyncio.run(scenario())


def test_a_line_on_the_unix_socket_is_at_most_one_mebibyte(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp", listen=None) as node:
            assert node.node.socket is not None
            assert await unix_call(node.node.socket, b"x" * ((1 << 20) + 1)) == []
            room = (1 << 20) - len(ask("say "))
            (answer,) = await unix_call(node.node.socket, ask("say " + "x" * room))
            assert len(answer["result"]["text"]) == room

    asyncio.run(scenario())


def test_a_caller_may_close_its_own_half_of_the_unix_socket(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp", listen=None) as node:
            reader, writer = await asyncio.open_unix_connection(str(node.node.socket))
            writer.write(ask("wait", stream=True) + b"\n")
            writer.write_eof()
            await reader.readline()
            await asyncio.sleep(0.3)
            assert node.handler.running == 1
            writer.transport.abort()
            began = time.monotonic()
            await until(lambda: node.handler.stopped == ["caller"])
            assert time.monotonic() - began < 1.0

    asyncio.run(scenario())


def test_socket_and_folder_are_private(tmp_path: Path) -> None:
    async def scenario() -> None:
        folder = tmp_path / "alp"
        async with running(ME, *PEERS, folder=folder, listen=None):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE((folder / "alp.sock").stat().st_mode) == 0o600
            assert stat.S_IMODE((folder / "replay.log").stat().st_mode) == 0o600
        assert not (folder / "alp.sock").exists()
        folder.chmod(0o755)
        with pytest.raises(ConfigError, match="can be used by others"):
            async with running(ME, folder=folder, listen=None):
                pass

    asyncio.run(scenario())


def test_one_service_runs_for_each_profile(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp", listen=None) as node:
            with pytest.raises(Locked, match=f"process {os.getpid()}"):
                async with running(ME, folder=tmp_path / "alp", listen=None):
                    pass
            assert len(await unix_call(tmp_path / "alp" / "alp.sock", ping())) == 1
            assert node.handler.asked == []

    asyncio.run(scenario())


def test_a_nonce_is_remembered_over_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        data = ask("say x")
        for number in range(2):
            async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
                caller = await RawCaller(CALLER, ME).connect(node.address)
                await caller.send(data)
                if number == 0:
                    assert (await caller.receive())["result"]["text"] == "x"
                else:
                    assert await caller.is_silent()
                    assert node.handler.asked == [] and node.said("seen before")
                caller.close()

    asyncio.run(scenario())


def codes(bodies: list[dict[str, Any]]) -> list[int]:
    return [body["error"]["code"] for body in bodies]


def test_errors_on_the_wire(tmp_path: Path) -> None:
    async def scenario() -> None:
        narrow = peer(CALLER, "caller", allow=("link.ping", "room.post", "link.ask"), per_minute=9)
        async with running(ME, narrow, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)

            async def error(data: bytes) -> dict[str, Any]:
                await caller.send(data)
                body = await caller.receive()
                assert "result" not in body
                given: dict[str, Any] = body["error"]
                return given

            assert await error(envelope(CALLER, ME.name, "link.cancel", {})) == {
                "code": -32001,
                "message": "capability-denied",
            }
            assert (await error(envelope(CALLER, ME.name, "room.post", {})))["code"] == -32601
            assert (await error(ask("")))["code"] == -32602
            assert await error(ask("fail")) == {"code": -32603, "message": "internal-error"}
            assert node.said("ValueError: the inside of the agent")
            assert (await error(ask("bad")))["code"] == -32603
            assert (await error(ask("unknown budget"))) == {"code": -32603, "message": "internal-error"}
            assert node.said("its budget cannot be known: the ledger cannot be read")
            assert (await error(ask("long 1100000")))["code"] == -32603
            exceeded = {
                "code": -32005,
                "message": "budget-exceeded",
                "data": {"cap_kind": "tokens", "scope": "request"},
            }
            assert await error(ask("cap")) == exceeded
            assert (await error(ask("refuse")))["code"] == -32007
            node.handler.cap = OverCap("usd", "peer")
            assert (await error(ask("say x")))["data"] == {"cap_kind": "usd", "scope": "peer"}
            limited = {"code": -32005, "message": "rate-limited", "data": {"window_seconds": 60}}
            assert await error(ping()) == limited
            caller.close()

    asyncio.run(scenario())


def test_busy_is_answered_at_once_and_only_to_the_caller_that_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            first, second = [await RawCaller(CALLER, ME).connect(node.address) for _ in range(2)]
            other = await RawCaller(OTHER, ME).connect(node.address)
            await first.send(ask("wait", stream=True))
            await first.receive()
            began = time.monotonic()
            await second.send(ask("say x"))
            assert (await second.receive())["error"] == {"code": -32007, "message": "target-busy"}
            assert time.monotonic() - began < 0.5
            await other.send(ask("say x", by=OTHER))
            assert (await other.receive())["result"]["text"] == "x"
            assert node.handler.most == 2 and [made.id for made in node.node.running] == ["caller"]
            for caller in (first, second, other):
                caller.close()

    asyncio.run(scenario())


def test_a_cancel_reaches_the_callers_own_turn_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            asking, short = [await RawCaller(CALLER, ME).connect(node.address) for _ in range(2)]
            other = await RawCaller(OTHER, ME).connect(node.address)

            async def cancel(caller: RawCaller, by: Any, **params: Any) -> Any:
                await caller.send(envelope(by, ME.name, "link.cancel", params))
                return (await caller.receive())["result"]["cancelled"]

            assert await cancel(short, CALLER) is False
            await asking.send(ask("wait", stream=True))
            for _ in range(2):
                await asking.receive()
            assert await cancel(other, OTHER) is False
            assert await cancel(other, OTHER, session_id="session-caller") is False
            assert await cancel(short, CALLER, session_id="another") is False
            assert node.handler.stopped == []
            began = time.monotonic()
            assert await cancel(short, CALLER, session_id="session-caller") is True
            body = await asking.receive()
            assert time.monotonic() - began < 1.0
            assert (body["stream"], body["result"]["interrupted"], body["result"]["text"]) == ("final", True, "begun")
            assert await cancel(short, CALLER) is False
            await asking.send(ask("say again"))
            assert (await asking.receive())["result"]["text"] == "again"
            for caller in (asking, short, other):
                caller.close()

    asyncio.run(scenario())


def test_a_turn_that_does_not_listen_is_ended_within_a_second(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            asking, short = [await RawCaller(CALLER, ME).connect(node.address) for _ in range(2)]
            await asking.send(ask("stubborn", stream=True))
            for _ in range(2):
                await asking.receive()
            await short.send(envelope(CALLER, ME.name, "link.cancel", {}))
            began = time.monotonic()
            body = await asking.receive()
            assert time.monotonic() - began < 1.0
            assert body["result"] == {
                "text": "I stay", "session_id": "session-caller", "tokens_in": 0, "tokens_out": 0, "cost": None, "interrupted": True
            }  # fmt: skip
            asking.close()
            short.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["wait", "stubborn"])
def test_a_lost_connection_stops_the_turn_within_a_second(tmp_path: Path, kind: str) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            await caller.send(ask(kind, stream=True))
            await caller.receive()
            caller.close()
            began = time.monotonic()
            await until(lambda: node.handler.stopped == ["caller"] and not node.node.running)
            assert time.monotonic() - began < 1.0
            again = await RawCaller(CALLER, ME).connect(node.address)
            await again.send(ask("say x"))
            assert (await again.receive())["result"]["text"] == "x"
            again.close()

    asyncio.run(scenario())


def test_requests_on_one_connection_are_answered_in_turn(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            frames = [caller.frame(ask("say a b c", stream=True)), *(caller.frame(ping(id=f"p{n}")) for n in range(5))]
            caller.writer.write(b"".join(frames))
            ids = [(await caller.receive())["id"] for _ in range(10)]
            assert ids == ["ask"] * 5 + [f"p{n}" for n in range(5)]
            caller.close()

    asyncio.run(scenario())


def test_a_hundred_megabytes_are_refused_when_they_are_announced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            caller.writer.write(struct.pack(">I", 100 << 20))
            assert await caller.ends() == b""
            assert node.said("a frame of 104857600 bytes was announced")

    asyncio.run(scenario())


def test_whoever_sends_without_end_during_a_turn_is_not_read_without_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            await caller.send(ask("wait", stream=True))
            await caller.receive()
            for _ in range(200):
                caller.writer.write(bytes(100_000))
            await asyncio.sleep(0.5)
            (link,) = node.node._sessions
            assert len(link._waiting) <= (1 << 20) + (64 << 10) + (256 << 10)
            assert caller.writer.transport.get_write_buffer_size() > 10_000_000
            caller.close()

    asyncio.run(scenario())


def test_a_caller_that_does_not_read_stops_the_stream(tmp_path: Path) -> None:
    async def scenario() -> None:
        limits = Limits(slow_reader_seconds=0.3)
        async with running(ME, *PEERS, folder=tmp_path / "alp", limits=limits) as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            caller.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await caller.send(ask("flood 2000", stream=True))
            await until(lambda: node.handler.running == 1)
            await until(lambda: node.handler.running == 0)
            assert not node.node.running
            caller.close()

    asyncio.run(scenario())


def test_a_handshake_has_its_time(tmp_path: Path) -> None:
    async def scenario() -> None:
        limits = Limits(handshake_seconds=0.3)
        async with running(ME, *PEERS, folder=tmp_path / "alp", limits=limits) as node:
            silent = await RawCaller(CALLER, ME).connect(node.address, steps=0)
            half = await RawCaller(CALLER, ME).connect(node.address, steps=2)

            async def drip() -> None:
                for byte in bytes(64):
                    silent.writer.write(bytes([byte]) if byte else b"\x00")
                    await asyncio.sleep(0.05)

            slow = asyncio.create_task(drip())
            began = time.monotonic()
            assert await half.ends() == b""
            assert time.monotonic() - began < 2.0
            slow.cancel()
            silent.close()
            whole = await RawCaller(CALLER, ME).connect(node.address)
            await asyncio.sleep(0.5)
            await whole.send(ping())
            assert (await whole.receive())["result"]
            whole.close()

    asyncio.run(scenario())


def test_half_open_handshakes_keep_nobody_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            half = [await RawCaller(STRANGER, ME).connect(node.address, steps=0) for _ in range(100)]
            await until(lambda: len(node.node._handshaking) <= 16)
            caller = await RawCaller(CALLER, ME).connect(node.address)
            await caller.send(ping())
            assert (await caller.receive())["result"]
            assert len(node.node._handshaking) <= 16
            for other in (*half, caller):
                other.close()

    asyncio.run(scenario())


def test_a_peer_has_so_many_sessions_and_the_one_that_was_idle_longest_goes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp", limits=Limits(sessions_per_peer=3)) as node:
            callers = []
            for _ in range(4):
                callers.append(await RawCaller(CALLER, ME).connect(node.address))
                await callers[-1].send(ping())
                await callers[-1].receive()
            assert await callers[0].ends() == b""
            await callers[1].send(ping())
            assert (await callers[1].receive())["result"]
            for caller in callers:
                caller.close()

    asyncio.run(scenario())


def test_an_idle_session_is_closed_but_not_one_with_a_turn(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp", limits=Limits(idle_seconds=0.3)) as node:
            idle, asking = [await RawCaller(CALLER, ME).connect(node.address) for _ in range(2)]
            await asking.send(ask("wait", stream=True))
            await idle.send(ping())
            await idle.receive()
            # A frame that only drips in does not count as use.
            idle.writer.write(b"\x00\x00")
            assert await idle.ends(2.0) == b""
            await asyncio.sleep(0.5)
            assert node.handler.running == 1
            asking.close()

    asyncio.run(scenario())


def test_a_peer_that_is_no_longer_pinned_is_not_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        from alpi.alp.core.peerstext import render_peer

        path = tmp_path / "peers.yaml"
        path.write_text(render_peer(PEERS[0]))
        async with running(ME, folder=tmp_path / "alp", source=PeersFile(path)) as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            await caller.send(ping())
            assert (await caller.receive())["result"]
            path.write_text(render_peer(PEERS[1]))
            await caller.send(ping())
            assert await caller.ends() == b""
            path.write_text("- id: broken")
            assert await (await RawCaller(OTHER, ME).connect(node.address)).ends() == b""
            assert node.said("line 1: this peer has no pubkey; until it is mended no peer is admitted")

    asyncio.run(scenario())


def test_a_peer_that_is_taken_from_the_list_loses_its_session_and_its_turn(tmp_path: Path) -> None:
    async def scenario() -> None:
        source = FixedPeers(PeerBook(PEERS))
        async with running(ME, folder=tmp_path / "alp", source=source) as node:
            caller, other = (
                await RawCaller(CALLER, ME).connect(node.address),
                await RawCaller(OTHER, ME).connect(node.address),
            )
            await caller.send(ask("wait", stream=True))
            await other.send(ask("wait", by=OTHER, stream=True))
            for raw in (caller, other):
                await raw.receive()
            source._book = PeerBook(PEERS[1:])
            node.node._sweep()
            await until(lambda: node.handler.stopped == ["caller"])
            await caller.ends()
            assert [made.id for made in node.node.running] == ["other"]
            other.close()

    asyncio.run(scenario())


def test_closing_lets_turns_end_and_stops_the_rest(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp") as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            await caller.send(ask("wait", stream=True))
            for _ in range(2):
                await caller.receive()
            address = node.address
            began = time.monotonic()
            await node.node.close(drain=0.2)
            assert 0.2 <= time.monotonic() - began < 2.5
            body = await caller.receive()
            assert body["result"]["interrupted"] is True
            assert await caller.ends() == b""
            with pytest.raises(OSError):
                await RawCaller(CALLER, ME).connect(address)

    asyncio.run(scenario())


def test_the_log_is_bounded(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with running(ME, *PEERS, folder=tmp_path / "alp", limits=Limits(log_lines_per_minute=5)) as node:
            caller = await RawCaller(CALLER, ME).connect(node.address)
            for _ in range(50):
                await caller.send(b"{}")
            await caller.send(ping())
            await caller.receive()
            assert len(node.lines) == 5
            caller.close()

    asyncio.run(scenario())


def test_other_users_of_the_machine_are_turned_away() -> None:
    """As root the test can become somebody else; the folder keeps others out before, so it is opened for the test. It lies in one of its
    own, because whoever is somebody else cannot pass through those of the other tests."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root, to become another user")
    open_folder = Path(tempfile.mkdtemp(prefix="alpi-test-"))

    async def scenario() -> None:
        async with running(ME, *PEERS, folder=open_folder / "alp", listen=None) as node:
            open_folder.chmod(0o755)
            (open_folder / "alp").chmod(0o755)
            (open_folder / "alp" / "alp.sock").chmod(0o666)
            child = os.fork()
            if child == 0:
                os.setuid(65534)
                connection = socket.socket(socket.AF_UNIX)
                connection.settimeout(5)
                try:
                    connection.connect(str(open_folder / "alp" / "alp.sock"))
                    connection.sendall(ping() + b"\n")
                    os._exit(0 if connection.recv(1) == b"" else 1)
                except ConnectionError:
                    os._exit(0)
            status = await asyncio.to_thread(os.waitpid, child, 0)
            assert os.waitstatus_to_exitcode(status[1]) == 0
            assert node.said("another user")

    try:
        asyncio.run(scenario())
    finally:
        shutil.rmtree(open_folder)
