"""One connection over TCP without the TCP: bytes in, events and bytes out; the handshake first, then sealed frames, for either end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import primitives
from .errors import FrameTooLarge, HandshakeFailed, ProtocolError
from .identity import Identity
from .noise.cipherstate import CipherState
from .noise.handshakestate import OVERHEAD, HandshakeState

LARGEST_FRAME = 1 << 20
"""Bytes of a sealed frame, its tag included: the number that the four bytes before it may hold at most."""
LARGEST_ENVELOPE = LARGEST_FRAME - primitives.TAG
"""Bytes of an envelope that fits into a frame."""
HANDSHAKE_PREFIX = 2
FRAME_PREFIX = 4


@dataclass(frozen=True, slots=True)
class HandshakeDone:
    """The other end has proved to hold this X25519 key; envelopes may be sent."""

    remote_static: bytes


@dataclass(frozen=True, slots=True)
class EnvelopeArrived:
    """The plaintext of one frame: nothing is known about it but who sealed it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """The connection is over: close it, send nothing. ``shown``: the static key of whoever was turned away, where there was one."""

    error: ProtocolError
    shown: bytes | None = None


Event = HandshakeDone | EnvelopeArrived | Broken


class Connection:
    """Args:
        identity: this end.
        ephemeral: 32 fresh random bytes.
        remote: the X25519 key that the other end must have; ``None`` makes this end the responder.
        admits: for a responder: whether a static key belongs to a pinned peer.

    The initiator's first message is in ``data_to_send()`` from the start. Once ``is_broken``, whatever arrives is thrown away unread.
    """

    def __init__(
        self,
        identity: Identity,
        ephemeral: bytes,
        remote: bytes | None = None,
        admits: Callable[[bytes], bool] | None = None,
    ) -> None:
        self._handshake: HandshakeState | None = HandshakeState(identity.noise_secret, ephemeral, remote, admits)
        self._send: CipherState | None = None
        self._receive: CipherState | None = None
        self._incoming = bytearray()
        self._outgoing: list[bytes] = []
        self._broken = False
        self._write_handshake()

    @property
    def is_open(self) -> bool:
        """Whether envelopes can be sent."""
        return self._send is not None and not self._broken

    @property
    def is_broken(self) -> bool:
        """Whether it is over."""
        return self._broken

    @property
    def steps(self) -> int:
        """How many messages of the handshake are done: 3 when it is complete."""
        return self._handshake.step if self._handshake is not None else len(OVERHEAD)

    @property
    def waiting(self) -> int:
        """Bytes that have arrived and make no whole frame yet: never more than a frame and its length, plus what came in one piece."""
        return len(self._incoming)

    def receive(self, data: bytes, most: int = 0) -> list[Event]:
        """Take bytes as they arrive, cut anywhere; gives what happened, in order. After ``Broken`` nothing follows.

        Args:
            most: stop after so many envelopes and keep the rest for the next call; 0: take all.
        """
        if self._broken:
            return []
        self._incoming += data
        events: list[Event] = []
        taken = 0
        try:
            while not (most and taken >= most):
                event, went_on = self._step()
                if event is not None:
                    events.append(event)
                    taken += isinstance(event, EnvelopeArrived)
                if not went_on:
                    break
        except ProtocolError as error:
            events.append(Broken(error, self._shown()))
            self.end()
        return events

    def send(self, envelope: bytes) -> None:
        """Seal one envelope; its frame is in ``data_to_send()``.

        Raises:
            FrameTooLarge: longer than a frame holds; the session goes on.
            HandshakeFailed: not open.
        """
        if self._send is None or self._broken:
            raise HandshakeFailed("the session is not open")
        if len(envelope) > LARGEST_ENVELOPE:
            raise FrameTooLarge(f"an envelope of {len(envelope)} bytes does not fit into a frame")
        sealed = self._send.encrypt(envelope)
        self._outgoing.append(len(sealed).to_bytes(FRAME_PREFIX, "big") + sealed)

    def data_to_send(self) -> bytes:
        """The bytes to send now; asking takes them out."""
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        return data

    def end(self) -> None:
        """Forget keys and whatever waits; nothing is sent or read any more."""
        self._broken = True
        self._incoming.clear()
        self._outgoing.clear()
        self._send = self._receive = self._handshake = None

    def _step(self) -> tuple[Event | None, bool]:
        """Do one thing with what has arrived: an event, if it made one, and whether there may be more to do."""
        if self._handshake is not None:
            return self._read_handshake()
        size = self._announced(FRAME_PREFIX)
        if size is None:
            return None, False
        if size > LARGEST_FRAME:
            raise FrameTooLarge(f"a frame of {size} bytes was announced")
        frame = self._take(FRAME_PREFIX, size)
        if frame is None or self._receive is None:
            return None, False
        return EnvelopeArrived(self._receive.decrypt(frame)), True

    def _read_handshake(self) -> tuple[Event | None, bool]:
        handshake = self._handshake
        size = self._announced(HANDSHAKE_PREFIX)
        if handshake is None or size is None:
            return None, False
        if handshake.is_my_turn or size != OVERHEAD[handshake.step]:
            raise HandshakeFailed("not a handshake message of this protocol")
        message = self._take(HANDSHAKE_PREFIX, size)
        if message is None:
            return None, False
        handshake.read(message)
        self._write_handshake()
        return self._finish(handshake), True

    def _write_handshake(self) -> None:
        if self._handshake is not None and self._handshake.is_my_turn:
            message = self._handshake.write()
            self._outgoing.append(len(message).to_bytes(HANDSHAKE_PREFIX, "big") + message)

    def _finish(self, handshake: HandshakeState) -> HandshakeDone | None:
        if handshake.step < len(OVERHEAD):
            return None
        finished = handshake.finish()
        self._handshake = None
        self._send, self._receive = finished.send, finished.receive
        return HandshakeDone(finished.remote_static)

    def _announced(self, prefix: int) -> int | None:
        return int.from_bytes(self._incoming[:prefix], "big") if len(self._incoming) >= prefix else None

    def _take(self, prefix: int, size: int) -> bytes | None:
        end = prefix + size
        if len(self._incoming) < end:
            return None
        taken = bytes(memoryview(self._incoming)[prefix:end])
        del self._incoming[:end]
        return taken

    def _shown(self) -> bytes | None:
        return self._handshake.remote_static if self._handshake is not None else None
