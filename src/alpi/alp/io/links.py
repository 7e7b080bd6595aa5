"""The node's end of a connection: TCP with its handshake and frames, and the Unix socket with its lines."""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import Callable
from typing import Any, Protocol

from ..core.connection import Broken, Connection, EnvelopeArrived, HandshakeDone
from ..core.envelope import Seal, Stream, seal_error, seal_result
from ..core.identity import Identity
from ..core.jsontext import LARGEST
from ..core.methods import Fault
from ..core.peers import Peer
from . import unixsocket
from .limits import Limits
from .network import keep_alive

MOST_WAITING = LARGEST + (64 << 10)
"""Bytes of further requests that are taken in while one is being answered; then reading stops until it is."""
HANG_UP_SECONDS = 0.2
BURST = 16
"""Requests of one connection that are looked at in a row; then the others have their turn."""


class Owner(Protocol):
    """The node, as its connections see it."""

    identity: Identity
    limits: Limits
    random: Callable[[int], bytes]

    def seal(self) -> Seal: ...

    def admits(self, noise_key: bytes) -> bool: ...

    def handshaking(self, link: TcpLink) -> None: ...

    def handshake_done(self, link: TcpLink, noise_key: bytes) -> None: ...

    def turned_away(self, link: TcpLink, event: Broken) -> None: ...

    def local(self, link: UnixLink) -> None: ...

    def lost(self, link: Link) -> None: ...

    def take(self, data: bytes, link: Link, proven: bytes | None) -> None: ...

    def note(self, line: str) -> None: ...


class Link(asyncio.Protocol):
    """What both kinds have in common: answers, a caller that reads slowly, and the ask that runs."""

    def __init__(self, node: Owner) -> None:
        self.node = node
        self.transport: asyncio.Transport | None = None
        self.address = ""
        self.asking: Callable[[], None] | None = None
        """Stops the turn that runs for this connection; ``None``: none does."""
        self._writable = asyncio.Event()
        self._writable.set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def is_gone(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.transport is None or self.transport.is_closing()

    def answer_result(self, peer: Peer, id: str, result: dict[str, Any], stream: Stream = "") -> None:
        """See ``asks.Answering``."""
        if not self.is_gone:
            self.put(seal_result(self.node.identity, peer.pubkey, id, result, self.node.seal(), stream))

    def answer_fault(self, peer: Peer, id: str, fault: Fault, stream: Stream = "") -> None:
        """See ``asks.Answering``."""
        if not self.is_gone:
            self.put(seal_error(self.node.identity, peer.pubkey, id, fault.body(), self.node.seal(), stream))

    def put(self, envelope: bytes) -> None:
        """Send one envelope."""
        raise NotImplementedError

    def ask_done(self) -> None:
        """See ``asks.Answering``."""
        raise NotImplementedError

    async def drained(self) -> None:
        """See ``asks.Answering``. A caller that reads nothing for too long counts as gone."""
        await asyncio.sleep(0)  # a turn that never waits for anything must not hold up the node
        if self._writable.is_set() or self.is_gone:
            return
        try:
            async with asyncio.timeout(self.node.limits.slow_reader_seconds):
                await self._writable.wait()
        except TimeoutError:
            self.abort()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def abort(self) -> None:
        """End the connection now."""
        self._stop_timer()
        if self.transport is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._writable.set()
        self.transport = None
        if self.asking is not None:
            self.asking()
        self.node.lost(self)

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = self._loop.call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class TcpLink(Link):
    """A connection from another machine. Until its handshake is done it may hold a place among few."""

    def __init__(self, node: Owner) -> None:
        super().__init__(node)
        self.peer: Peer | None = None
        self.last_used = 0.0
        self._proven = b""
        self._core = Connection(node.identity, node.random(32), None, node.admits)
        self._waiting = bytearray()
        self._yielding = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        name = transport.get_extra_info("peername")
        self.address = str(name[0]) if name else "unknown"
        keep_alive(transport)
        self._after(self.node.limits.handshake_seconds, self._too_slow)
        self.node.handshaking(self)

    def data_received(self, data: bytes) -> None:
        if self._core.is_broken:
            return
        if self.asking is None and not self._yielding:
            self._take(data)
            return
        self._waiting += data
        if len(self._waiting) > MOST_WAITING and self.transport is not None:
            self.transport.pause_reading()

    def put(self, envelope: bytes) -> None:
        """Send one envelope. Raises ``FrameTooLarge``."""
        if self._core.is_open and self.transport is not None:
            self._core.send(envelope)
            self.transport.write(self._core.data_to_send())

    def pause_writing(self) -> None:
        """The caller does not read: take no more requests meanwhile. (While a turn runs, reading tells when the caller is gone.)"""
        super().pause_writing()
        if self.asking is None and self.transport is not None:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.transport is not None and len(self._waiting) <= MOST_WAITING:
            self.transport.resume_reading()

    def ask_done(self) -> None:
        """Go on with what has come in the meantime."""
        self.asking = None
        self._rest()
        self._go_on()

    def _go_on(self) -> None:
        self._yielding = False
        if self.transport is None or self._core.is_broken:
            return
        waiting = bytes(self._waiting)
        self._waiting.clear()
        self.transport.resume_reading()
        self._take(waiting)

    def abort(self) -> None:
        self._core.end()
        self._waiting.clear()
        super().abort()

    def _take(self, data: bytes) -> None:
        taken = 0
        while self.asking is None:
            if taken == BURST:
                self._yielding = True
                self._loop.call_soon(self._go_on)
                break
            events = self._core.receive(data, most=1)
            data = b""
            for event in events:
                if isinstance(event, Broken):
                    self._broken(event)
                    return
                if isinstance(event, HandshakeDone):
                    self._proven = event.remote_static
                    self._rest()
                    self._after(self.node.limits.idle_seconds, self._idle)
                    self.node.handshake_done(self, event.remote_static)
                elif isinstance(event, EnvelopeArrived):
                    taken += 1
                    self._rest()
                    self.node.take(event.data, self, self._proven)
            if self.transport is None or self._core.is_broken:
                return
            if not events or not self._core.waiting:
                break
        out = self._core.data_to_send()
        if out and self.transport is not None:
            self.transport.write(out)

    def _rest(self) -> None:
        """Something whole has come or gone: the session was not idle."""
        self.last_used = self._loop.time()

    def _idle(self) -> None:
        """One timer looks now and then, instead of one being set anew for each request."""
        left = self.last_used + self.node.limits.idle_seconds - self._loop.time()
        if self.asking is not None or left > 0:
            self._after(left if left > 0 else self.node.limits.idle_seconds, self._idle)
        else:
            self.abort()

    def _too_slow(self) -> None:
        self.node.note(f"{self.address}: took too long for its handshake; the connection was ended")
        self.abort()

    def _broken(self, event: Broken) -> None:
        self.node.turned_away(self, event)
        self.abort()


class UnixLink(Link):
    """A connection from this machine: one request, its answers, and the end."""

    def __init__(self, node: Owner) -> None:
        super().__init__(node)
        self.address = "this machine"
        self._line = bytearray()
        self._taken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._after(self.node.limits.request_seconds, self.abort)
        self.node.local(self)

    def data_received(self, data: bytes) -> None:
        if self._taken:
            return  # one request for each connection; what follows it is not read
        self._line += data
        end = self._line.find(b"\n")
        if end > LARGEST or (end < 0 and len(self._line) > LARGEST):
            self.abort()
            return
        if end < 0:
            return
        self._taken = True
        line = bytes(self._line[:end])
        self._line.clear()
        self._stop_timer()
        self.node.take(line, self, None)
        if self.asking is None:
            self._close()

    def eof_received(self) -> bool:
        """Whether to keep the connection: a caller may have closed only its own half, and wait for the answer."""
        if self._taken and self.asking is not None:
            self._watch()
            return True
        return self._taken

    def put(self, envelope: bytes) -> None:
        """Send one envelope on a line."""
        if self.transport is not None:
            self.transport.write(envelope + b"\n")

    def ask_done(self) -> None:
        """All is answered: the end."""
        self.asking = None
        self._close()

    def _close(self) -> None:
        if self.transport is not None:
            if self.transport.get_write_buffer_size():
                self._after(self.node.limits.request_seconds, self.abort)
            self.transport.close()

    def _watch(self) -> None:
        """After the end of the caller's half nothing tells of the other half's but asking for it."""
        connection = self.transport.get_extra_info("socket") if self.transport is not None else None
        if connection is None or self.asking is None:
            return
        poll = select.poll()
        poll.register(connection.fileno(), 0)
        if any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0)):
            self.abort()
        else:
            self._after(HANG_UP_SECONDS, self._watch)


def owner_calls(transport: asyncio.Transport, uid: int) -> bool:
    """Whether the other end of a Unix socket runs as this user."""
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        return connection is not None and unixsocket.peer_uid(connection) == uid
    return False
