"""Running nodes for tests: a handler that does what a prompt says, a node with its client, and a caller written apart from alpi's own."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nacl.signing import VerifyKey
from noise.connection import Keypair, NoiseConnection

from alpi.alp.core.address import Address
from alpi.alp.core.envelope import write_time
from alpi.alp.core.identity import Identity
from alpi.alp.core.methods import AskParams, AskResult, OverCap
from alpi.alp.core.peers import Peer, PeerBook
from alpi.alp.io.handler import AskRefused, AskStream, CapReached
from alpi.alp.io.limits import Limits
from alpi.alp.io.network import Listen
from alpi.alp.io.node import Node
from alpi.alp.io.peersfile import FixedPeers
from alpi.base.clock import SystemClock
from alpi.base.errors import StorageError
from tests.support.links import compact, signed_anew

ANY = Listen(Address("127.0.0.1", 0))


class Scripted:
    """A handler whose turn is the prompt's first word: ``say`` the rest in pieces, ``wait`` until it is stopped, and so on."""

    agent_name = "tested"

    def __init__(self) -> None:
        self.cap: OverCap | None = None
        self.asked: list[tuple[str, AskParams]] = []
        self.running = 0
        self.most = 0
        self.stopped: list[str] = []
        self.busy_times = 0

    def over_cap(self, peer: Peer, params: AskParams) -> OverCap | None:
        if params.prompt.startswith("unknown"):
            raise StorageError("the ledger cannot be read")
        return self.cap

    async def ask(self, peer: Peer, params: AskParams, stream: AskStream) -> AskResult:
        self.asked.append((peer.id, params))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            return await self._turn(peer, params, stream)
        finally:
            self.running -= 1

    async def _turn(self, peer: Peer, params: AskParams, stream: AskStream) -> AskResult:
        kind, _, rest = params.prompt.partition(" ")
        if kind == "fail":
            raise ValueError("the inside of the agent")
        if kind == "cap":
            raise CapReached(OverCap("tokens", "request"))
        if kind == "refuse" or self.busy_times > 0:
            self.busy_times -= 1
            raise AskRefused()
        session = f"session-{peer.id}"
        await stream.begin(session)
        if kind == "wait":
            await stream.text("begun")
            await stream.cancelled.wait()
            self.stopped.append(peer.id)
            return AskResult("begun", session, 1, 1, interrupted=True)
        if kind == "stubborn":
            await stream.text("I stay")
            try:
                await asyncio.sleep(60)
            finally:
                self.stopped.append(peer.id)
        if kind == "flood":
            for _ in range(int(rest)):
                await stream.text("x" * 100_000)
        if kind == "long":
            return AskResult("y" * int(rest), session)
        if kind == "bad":
            return AskResult("\ud800", session)
        for word in rest.split():
            await stream.text(word)
            await asyncio.sleep(0)
        return AskResult(rest, session, 10, 5, 0.25)


class Running:
    """A node that listens, with what it was made of."""

    def __init__(self, node: Node, handler: Scripted, lines: list[str]) -> None:
        self.node = node
        self.handler = handler
        self.lines = lines

    @property
    def address(self) -> Address:
        return self.node.addresses[0]

    def said(self, text: str) -> bool:
        return any(text in line for line in self.lines)


@asynccontextmanager
async def running(
    identity: Identity,
    *peers: Peer,
    folder: Path | None,
    listen: Listen | None = ANY,
    limits: Limits | None = None,
    source: Any = None,
    clock: Any = None,
    handler: Scripted | None = None,
) -> AsyncIterator[Running]:
    """A node, started and closed."""
    lines: list[str] = []
    made = handler or Scripted()
    node = Node(
        identity,
        source or FixedPeers(PeerBook(peers)),
        made,
        clock=clock or SystemClock(),
        folder=folder,
        listen=listen,
        limits=limits or Limits(),
        log=lines.append,
    )
    await node.start()
    try:
        yield Running(node, made, lines)
    finally:
        await node.close(drain=0.0)


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition; fail when it does not come."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def envelope(by: Identity, to: str, method: str, params: Any, /, **changes: Any) -> bytes:
    """A request as another implementation would make it: json and PyNaCl alone."""
    mark = {"v": 1, "from": by.name, "to": to, "ts": write_time(time.time()), "nonce": os.urandom(16).hex()}
    mark |= {key: value for key, value in changes.items() if key in ("v", "from", "to", "ts", "nonce")}
    body = {
        "jsonrpc": "2.0",
        "id": changes.get("id", os.urandom(4).hex()),
        "method": method,
        "params": params,
        "alp": mark,
    }
    return signed_anew(body, changes.get("signer", by))


class RawCaller:
    """A caller over TCP whose handshake and frames come from an independent Noise implementation."""

    def __init__(self, me: Identity, peer: Identity) -> None:
        self.noise = NoiseConnection.from_name(b"Noise_XK_25519_ChaChaPoly_SHA256")
        self.noise.set_as_initiator()
        self.noise.set_keypair_from_private_bytes(Keypair.STATIC, me.noise_secret)
        self.noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, peer.noise_public)
        self.noise.start_handshake()
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def connect(self, address: Address, steps: int = 3) -> RawCaller:
        """Connect, and do so many messages of the handshake."""
        self.reader, self.writer = await asyncio.open_connection(address.host, address.port)
        for number in range(steps):
            if number == 1:
                size = struct.unpack(">H", await self.reader.readexactly(2))[0]
                self.noise.read_message(await self.reader.readexactly(size))
            else:
                message = bytes(self.noise.write_message())
                self.writer.write(struct.pack(">H", len(message)) + message)
        await self.writer.drain()
        return self

    def frame(self, data: bytes) -> bytes:
        sealed = bytes(self.noise.noise_protocol.cipher_state_encrypt.encrypt_with_ad(b"", data))
        return struct.pack(">I", len(sealed)) + sealed

    async def send(self, data: bytes) -> None:
        self.writer.write(self.frame(data))
        await self.writer.drain()

    async def receive(self, seconds: float = 5.0) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            size = struct.unpack(">I", await self.reader.readexactly(4))[0]
            sealed = await self.reader.readexactly(size)
        body = json.loads(bytes(self.noise.noise_protocol.cipher_state_decrypt.decrypt_with_ad(b"", sealed)))
        assert isinstance(body, dict)
        return body

    async def ends(self, seconds: float = 5.0) -> bytes:
        """Everything that comes until the other end closes."""
        async with asyncio.timeout(seconds):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def is_silent(self, seconds: float = 0.2) -> bool:
        """Whether nothing comes, though the connection stays."""
        try:
            async with asyncio.timeout(seconds):
                await self.reader.read(1)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self.writer.transport.abort()


class RawServer:
    """A node written apart from alpi's: an independent Noise, json and PyNaCl. It answers pings, and asks with a stream of two words."""

    def __init__(self, me: Identity) -> None:
        self.me = me
        self.requests: list[dict[str, Any]] = []
        self.server: asyncio.Server

    async def start(self) -> Address:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return Address("127.0.0.1", self.server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        noise = NoiseConnection.from_name(b"Noise_XK_25519_ChaChaPoly_SHA256")
        noise.set_as_responder()
        noise.set_keypair_from_private_bytes(Keypair.STATIC, self.me.noise_secret)
        noise.start_handshake()
        for number in range(3):
            if number == 1:
                message = bytes(noise.write_message())
                writer.write(struct.pack(">H", len(message)) + message)
            else:
                noise.read_message(await reader.readexactly(struct.unpack(">H", await reader.readexactly(2))[0]))
        try:
            while True:
                sealed = await reader.readexactly(struct.unpack(">I", await reader.readexactly(4))[0])
                body = json.loads(bytes(noise.decrypt(sealed)))
                assert signed_by(body)
                self.requests.append(body)
                for answer in self._answers(body):
                    sealed = bytes(noise.encrypt(answer))
                    writer.write(struct.pack(">I", len(sealed)) + sealed)
        except asyncio.IncompleteReadError:
            writer.close()

    def _answers(self, body: dict[str, Any]) -> list[bytes]:
        if body["method"] == "link.ping":
            return [self._answer(body, {"nonce": body["params"]["nonce"], "version": 1, "agent_name": "raw"})]
        result = {
            "text": "two words",
            "session_id": "s",
            "tokens_in": 1,
            "tokens_out": 2,
            "cost": 1e-05,
            "interrupted": False,
        }
        chunks: list[dict[str, Any]] = [{"text": "", "session_id": "s"}, {"text": "two "}, {"text": "words"}]
        return [
            *(self._answer(body, chunk, stream="chunk") for chunk in chunks),
            self._answer(body, result, stream="final"),
        ]

    def _answer(self, request: dict[str, Any], result: dict[str, Any], **more: Any) -> bytes:
        mark = {
            "v": 1,
            "from": self.me.name,
            "to": request["alp"]["from"],
            "ts": write_time(time.time()),
            "nonce": os.urandom(16).hex(),
        }
        return signed_anew({"jsonrpc": "2.0", "id": request["id"], "result": result, "alp": mark, **more}, self.me)


def signed_by(body: dict[str, Any]) -> bool:
    """Whether an envelope's signature is its sender's, by PyNaCl and json alone."""
    mark = {key: value for key, value in body["alp"].items() if key != "sig"}
    data = compact({**body, "alp": mark})
    VerifyKey(base64.b64decode(mark["from"])).verify(data, base64.b64decode(body["alp"]["sig"]))
    return True


async def unix_call(path: Path, *lines: bytes, seconds: float = 5.0) -> list[dict[str, Any]]:
    """Send lines to a Unix socket as they are; gives all answers until the end."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    for line in lines:
        writer.write(line + b"\n")
    async with asyncio.timeout(seconds):
        try:
            answers = (await reader.read()).splitlines()
        except ConnectionError:
            answers = []
    writer.close()
    return [json.loads(answer) for answer in answers]
