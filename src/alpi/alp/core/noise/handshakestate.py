"""HandshakeState of the pattern XK: the initiator knows the responder's static key before, and shows its own in message 3.

<- s
...
-> e, es
<- e, ee
-> s, se
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .. import primitives
from ..errors import DecryptFailed, HandshakeFailed
from .cipherstate import CipherState
from .symmetricstate import SymmetricState

MESSAGES = 3
# Bytes of each message without its payload's own: keys in the clear, sealed keys, and the tag of the payload.
OVERHEAD = (primitives.KEY + primitives.TAG, primitives.KEY + primitives.TAG, primitives.KEY + 2 * primitives.TAG)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a handshake leaves behind. ``remote_static``: the key that the other end has proved to hold."""

    send: CipherState
    receive: CipherState
    remote_static: bytes
    handshake_hash: bytes


class HandshakeState:
    """One handshake. ``write`` and ``read`` take turns; any failure ends it, and ``finish`` consumes it.

    Args:
        static: this end's X25519 secret key.
        ephemeral: 32 fresh random bytes, never used for another handshake.
        remote_static: the responder's public key, for the initiator; ``None`` makes this end the responder.
        admits: for a responder: whether the initiator's static key is known. It is asked as soon as message 3 has shown the key; a
            stranger's handshake ends there.
        prologue: bytes that both ends have in common.
    """

    def __init__(
        self,
        static: bytes,
        ephemeral: bytes,
        remote_static: bytes | None = None,
        admits: Callable[[bytes], bool] | None = None,
        prologue: bytes = b"",
    ) -> None:
        self._static = static
        self._ephemeral = ephemeral
        self._remote_static = remote_static
        self._remote_ephemeral = b""
        self._admits = admits
        self._initiator = remote_static is not None
        self._step = 0
        self._dead = False
        self._symmetric = SymmetricState(prologue)
        self._symmetric.mix_hash(remote_static if remote_static is not None else primitives.public_x25519(static))

    @property
    def step(self) -> int:
        """How many of the three messages are done."""
        return self._step

    @property
    def is_my_turn(self) -> bool:
        """Whether the next message is this end's to write."""
        return self._step < MESSAGES and (self._step % 2 == 0) == self._initiator

    @property
    def remote_static(self) -> bytes | None:
        """The other end's static key, as far as it is known; proved only once all messages are done."""
        return self._remote_static

    def write(self, payload: bytes = b"") -> bytes:
        """The next message.

        Raises:
            HandshakeFailed: it is not this end's turn, or the handshake has failed before.
        """
        self._begin(mine=True)
        symmetric = self._symmetric
        if self._step < 2:
            public = primitives.public_x25519(self._ephemeral)
            symmetric.mix_hash(public)
            symmetric.mix_key(self._agree(self._ephemeral, self._far_key()))
            message = public
        else:
            message = symmetric.encrypt_and_hash(primitives.public_x25519(self._static))
            symmetric.mix_key(self._agree(self._static, self._remote_ephemeral))
        self._step += 1
        return message + symmetric.encrypt_and_hash(payload)

    def read(self, message: bytes) -> bytes:
        """Take the other end's next message; gives its payload.

        Raises:
            HandshakeFailed: not the next message of this handshake, or a stranger's. It cannot go on.
        """
        self._begin(mine=False)
        if len(message) < OVERHEAD[self._step]:
            self._dead = True
            raise HandshakeFailed(f"handshake message {self._step + 1} is too short")
        try:
            return self._read(message)
        except (DecryptFailed, HandshakeFailed) as error:
            self._dead = True
            if isinstance(error, HandshakeFailed):
                raise
            raise HandshakeFailed(
                f"handshake message {self._step + 1} does not fit the keys, or was changed"
            ) from error

    def finish(self) -> Finished:
        """The session's ciphers. Consumes the handshake: nothing can be done with it afterwards.

        Raises:
            HandshakeFailed: messages are missing, it has failed, or was finished before.
        """
        if self._dead or self._step < MESSAGES or self._remote_static is None:
            raise HandshakeFailed("the handshake is not complete, or was used up")
        self._dead = True
        first, second = self._symmetric.split()
        send, receive = (first, second) if self._initiator else (second, first)
        return Finished(send, receive, self._remote_static, self._symmetric.handshake_hash)

    def _begin(self, mine: bool) -> None:
        if self._dead:
            raise HandshakeFailed("this handshake has ended")
        if self._step >= MESSAGES or self.is_my_turn != mine:
            raise HandshakeFailed("that is not the next step of the handshake")

    def _read(self, message: bytes) -> bytes:
        symmetric = self._symmetric
        if self._step < 2:
            self._remote_ephemeral, rest = message[: primitives.KEY], message[primitives.KEY :]
            symmetric.mix_hash(self._remote_ephemeral)
            symmetric.mix_key(self._agree(self._near_key(), self._remote_ephemeral))
        else:
            cut = primitives.KEY + primitives.TAG
            shown, rest = symmetric.decrypt_and_hash(message[:cut]), message[cut:]
            if self._admits is not None and not self._admits(shown):
                self._remote_static = shown
                raise HandshakeFailed("the initiator's key is not known here")
            symmetric.mix_key(self._agree(self._ephemeral, shown))
            self._remote_static = shown
        payload = symmetric.decrypt_and_hash(rest)
        self._step += 1
        return payload

    def _far_key(self) -> bytes:
        """The other end's key for the first two messages: its static one (es), then its ephemeral one (ee)."""
        return (self._remote_static or b"") if self._step == 0 else self._remote_ephemeral

    def _near_key(self) -> bytes:
        return self._static if self._step == 0 else self._ephemeral

    def _agree(self, secret: bytes, public: bytes) -> bytes:
        return primitives.diffie_hellman(secret, public)
