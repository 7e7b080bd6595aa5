"""The client's end of a connection: bytes to a peer and envelopes back, over TCP or the Unix socket."""

from __future__ import annotations

import asyncio
from collections import deque

from ..core.connection import LARGEST_ENVELOPE, Broken, Connection, EnvelopeArrived, HandshakeDone
from ..core.errors import ProtocolError
from ..core.identity import Identity
from ..core.jsontext import LARGEST

MOST_WAITING = 2 * LARGEST
"""Bytes of answers that may lie unread; then reading pauses until somebody takes them."""


class Ended(Exception):
    """The connection is over. ``error``: how the protocol was broken, or ``None`` where the other end closed it."""

    def __init__(self, error: ProtocolError | None = None) -> None:
        super().__init__("the connection is over")
        self.error = error


class Session(asyncio.Protocol):
    """What both kinds have in common: answers that wait to be taken."""

    reusable = False

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.ended: Ended | None = None
        self.answered = False
        """Whether anything has come back on it, ever."""
        self._arrived: deque[bytes] = deque()
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._end(None)

    def send(self, envelope: bytes) -> None:
        """Send one envelope. Raises ``Ended``, or ``FrameTooLarge``."""
        raise NotImplementedError

    async def next(self, seconds: float) -> bytes:
        """The next envelope that came back.

        Raises:
            TimeoutError: none in so many seconds.
            Ended: the connection is over, and nothing is left to be taken.
        """
        while not self._arrived:
            if self.ended is not None:
                raise self.ended
            await self._wait(seconds)
        data = self._arrived.popleft()
        self._size -= len(data)
        if self.transport is not None and self._size <= MOST_WAITING:
            self.transport.resume_reading()
        return data

    def close(self) -> None:
        """End the connection. Does nothing when it is over."""
        if self.transport is not None:
            self.transport.abort()
        self._end(None)

    def _put(self, data: bytes) -> None:
        self.answered = True
        self._arrived.append(data)
        self._size += len(data)
        if self.transport is not None and self._size > MOST_WAITING:
            self.transport.pause_reading()
        self._wake()

    def _end(self, error: ProtocolError | None) -> None:
        if self.ended is None:
            self.ended = Ended(error)
        self._wake()

    async def _wait(self, seconds: float) -> None:
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(seconds, _time_out, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class TcpSession(Session):
    """Args:
    remote: the X25519 key that the peer must have.
    ephemeral: 32 fresh random bytes.
    """

    reusable = True

    def __init__(self, identity: Identity, remote: bytes, ephemeral: bytes) -> None:
        super().__init__()
        self._core = Connection(identity, ephemeral, remote)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._flush()

    def data_received(self, data: bytes) -> None:
        for event in self._core.receive(data):
            if isinstance(event, EnvelopeArrived):
                self._put(event.data)
            elif isinstance(event, HandshakeDone):
                self._flush()
                self._wake()
            elif isinstance(event, Broken):
                self._end(event.error)
                self.close()

    def send(self, envelope: bytes) -> None:
        """Send one envelope. Raises ``Ended``, or ``FrameTooLarge``."""
        if self.ended is not None or self.transport is None:
            raise self.ended or Ended()
        self._core.send(envelope)
        self._flush()

    async def handshake(self, seconds: float) -> None:
        """Wait until the peer has proved its key.

        Raises:
            TimeoutError: not in so many seconds.
            Ended: the other end closed the connection, or does not hold the key.
        """
        while not self._core.is_open:
            if self.ended is not None:
                raise self.ended
            await self._wait(seconds)

    def _flush(self) -> None:
        out = self._core.data_to_send()
        if out and self.transport is not None:
            self.transport.write(out)


class UnixSession(Session):
    """One request to a profile of this machine."""

    def __init__(self) -> None:
        super().__init__()
        self._line = bytearray()

    def data_received(self, data: bytes) -> None:
        self._line += data
        while (end := self._line.find(b"\n")) >= 0:
            if end > LARGEST:
                break
            self._put(bytes(self._line[:end]))
            del self._line[: end + 1]
        if len(self._line) > LARGEST:
            self.close()

    def send(self, envelope: bytes) -> None:
        """Send the request. Raises ``Ended``."""
        if self.ended is not None or self.transport is None:
            raise self.ended or Ended()
        self.transport.write(envelope + b"\n")


def fits(envelope: bytes) -> bool:
    """Whether an envelope is short enough for either transport."""
    return len(envelope) <= LARGEST_ENVELOPE


def _time_out(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
