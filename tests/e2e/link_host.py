"""A host of the link tests: ``python -m tests.e2e.link_host serve|call|raw|flood|drip JSON``. Who they are: tests/support/links."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alpi.alp.core.address import parse_address
from alpi.alp.core.errors import LinkError
from alpi.alp.core.methods import AskParams, AskResult
from alpi.alp.core.peers import Peer, PeerBook
from alpi.alp.io.client import Client
from alpi.alp.io.handler import AskStream
from alpi.alp.io.network import Listen
from alpi.alp.io.node import Node
from alpi.alp.io.peersfile import FixedPeers
from tests.support.fakes import OffClock
from tests.support.link_nodes import RawCaller, Scripted
from tests.support.links import identity, peer


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def entry(number: int, id: str, address: str | None) -> Peer:
    return peer(identity(number), id, address=parse_address(address) if address else None)


class Relaying(Scripted):
    """``relay N``: asks whoever asked with ``relay N-1``, and tells what came of it."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self.client = client

    async def ask(self, peer: Peer, params: AskParams, stream: AskStream) -> AskResult:
        say(begun=peer.id)
        try:
            if not params.prompt.startswith("relay "):
                return await super().ask(peer, params, stream)
            await stream.begin("relayed")
            left = int(params.prompt.split()[1])
            try:
                text = (await self.client.ask(peer, f"relay {left - 1}")).text if left else "the end"
            except LinkError as error:
                text = type(error).__name__
            return AskResult(f"{self.agent_name} > {text}", "relayed")
        finally:
            say(ended=peer.id, cancelled=stream.cancelled.is_set())


def sockets(folders: Sequence[str]) -> Any:
    from alpi.alp.io.keyfile import find_socket

    return lambda peer: find_socket(peer.pubkey, [Path(folder) for folder in folders])


async def serve(config: dict[str, Any]) -> None:
    me, clock = identity(config["me"]), OffClock(config.get("off", 0.0))
    client = Client(me, clock=clock, socket_of=sockets(config.get("homes", [])))
    handler = Relaying(client)
    handler.agent_name = config.get("name", "host")
    book = PeerBook([entry(*given) for given in config["peers"]])
    listen = Listen(parse_address(config["listen"])) if config.get("listen") else None
    folder = Path(config["home"]) / "alp"
    node = Node(
        me, FixedPeers(book), handler, clock=clock, folder=folder, listen=listen, log=lambda line: say(log=line)
    )
    await node.start()
    (folder / "identity.pub").write_text(f"{me.name}\n")
    say(ready=str(node.addresses), pid=os.getpid())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await node.close(drain=1.0)
    await client.close()
    say(closed=True)


async def call(config: dict[str, Any]) -> None:
    client = Client(
        identity(config["me"]), clock=OffClock(config.get("off", 0.0)), socket_of=sockets(config.get("homes", []))
    )
    target = entry(*config["peer"])
    try:
        if config["do"] == "ping":
            say(agent=(await client.ping(target)).agent_name)
        elif config["do"] == "cancel":
            say(cancelled=await client.cancel(target))
        else:
            say(connecting=True)
            result = await client.ask(
                target, config["prompt"], on_text=lambda text: say(piece=text), seconds=config.get("seconds", 60)
            )
            say(text=result.text, interrupted=result.interrupted)
    except LinkError as error:
        say(error=type(error).__name__, message=str(error))
    await client.close()


async def raw(config: dict[str, Any]) -> None:
    """Handshake and send given bytes as they are, without a frame; then say what comes within a second, and whether it ends."""
    caller = await RawCaller(identity(config["me"]), identity(config["peer"])).connect(parse_address(config["address"]))
    for envelope in config.get("envelopes", []):
        await caller.send(bytes.fromhex(envelope))
    caller.writer.write(bytes.fromhex(config.get("bytes", "")))
    try:
        async with asyncio.timeout(1.0):
            data = await caller.reader.read(100_000)
    except TimeoutError:
        say(silent=True)
    except ConnectionError:
        say(ended=True, answered=0)
    else:
        say(ended=data == b"", answered=len(data))
    caller.close()


async def flood(config: dict[str, Any]) -> None:
    """Open so many connections, send half a handshake on every second one, and hold them until the standard input ends."""
    address, held = parse_address(config["address"]), []
    for number in range(config["count"]):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        if number % 2:
            writer.write(b"\x00\x30" + os.urandom(20))
        held.append((reader, writer))
    say(opened=len(held))
    await asyncio.to_thread(sys.stdin.read)


async def drip(config: dict[str, Any]) -> None:
    """A byte of a handshake each half second, until the other end has had enough."""
    address = parse_address(config["address"])
    reader, writer = await asyncio.open_connection(address.host, address.port)
    began = asyncio.get_running_loop().time()
    ended = asyncio.create_task(reader.read(1))
    for byte in struct.pack(">H", 48) + bytes(46):
        if ended.done():
            break
        writer.write(bytes([byte]))
        await asyncio.wait({ended}, timeout=0.5)
    say(ended=await ended == b"", seconds=asyncio.get_running_loop().time() - began)


if __name__ == "__main__":
    kinds = {"serve": serve, "call": call, "raw": raw, "flood": flood, "drip": drip}
    asyncio.run(kinds[sys.argv[1]](json.loads(sys.argv[2])))
