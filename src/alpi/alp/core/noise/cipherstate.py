"""CipherState: a key and a counter. It works forward only, and not at all after a failure."""

from __future__ import annotations

from .. import primitives
from ..errors import DecryptFailed, NoncesExhausted

LAST_NONCE = 2**64 - 1
"""Reserved by the specification: never used for a message."""


class CipherState:
    """One direction of a session, or the cipher of a handshake.

    Args:
        key: 32 bytes.
        nonce: the counter to begin with; other than 0 for tests alone.
    """

    __slots__ = ("_key", "_nonce")

    def __init__(self, key: bytes, nonce: int = 0) -> None:
        self._key: bytes | None = key
        self._nonce = nonce

    @property
    def nonce(self) -> int:
        """The counter of the next message."""
        return self._nonce

    @property
    def is_dead(self) -> bool:
        """Whether something has failed to decrypt; then there is no key any more."""
        return self._key is None

    def encrypt(self, plaintext: bytes, associated: bytes = b"") -> bytes:
        """Seal one message: 16 bytes longer than the plaintext.

        Raises:
            NoncesExhausted: the counter is used up.
            DecryptFailed: this cipher is dead.
        """
        key = self._usable()
        sealed = primitives.seal(key, self._nonce, plaintext, associated)
        self._nonce += 1
        return sealed

    def decrypt(self, ciphertext: bytes, associated: bytes = b"") -> bytes:
        """Open the next message.

        Raises:
            DecryptFailed: it was changed, or is not the next one. The cipher is dead from then on.
            NoncesExhausted: the counter is used up.
        """
        key = self._usable()
        try:
            opened = primitives.unseal(key, self._nonce, ciphertext, associated)
        except DecryptFailed:
            self._key = None
            raise
        self._nonce += 1
        return opened

    def _usable(self) -> bytes:
        if self._key is None:
            raise DecryptFailed("this session has failed before and cannot be used")
        if self._nonce >= LAST_NONCE:
            raise NoncesExhausted("a session's counter is used up")
        return self._key
