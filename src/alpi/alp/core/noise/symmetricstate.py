"""SymmetricState: the chaining key and the hash that a handshake mixes everything into."""

from __future__ import annotations

from .. import primitives
from .cipherstate import CipherState

PROTOCOL = b"Noise_XK_25519_ChaChaPoly_SHA256"


class SymmetricState:
    """Args:
    prologue: bytes that both ends must have in common; empty in this protocol.
    """

    __slots__ = ("_chaining_key", "_cipher", "_hash")

    def __init__(self, prologue: bytes = b"") -> None:
        self._hash = PROTOCOL  # 32 bytes, exactly a hash's length: the specification takes it as it is
        self._chaining_key = PROTOCOL
        self._cipher: CipherState | None = None
        self.mix_hash(prologue)

    @property
    def handshake_hash(self) -> bytes:
        """The hash over all that was sent so far."""
        return self._hash

    def mix_hash(self, data: bytes) -> None:
        """``MixHash``."""
        self._hash = primitives.sha256(self._hash + data)

    def mix_key(self, material: bytes) -> None:
        """``MixKey``: a new chaining key, and a new cipher whose counter begins at 0."""
        self._chaining_key, key = hkdf(self._chaining_key, material)
        self._cipher = CipherState(key)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """``EncryptAndHash``; plain as long as there is no key."""
        sealed = plaintext if self._cipher is None else self._cipher.encrypt(plaintext, self._hash)
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        """``DecryptAndHash``.

        Raises:
            DecryptFailed: it was changed, or sealed by somebody with other keys.
        """
        opened = ciphertext if self._cipher is None else self._cipher.decrypt(ciphertext, self._hash)
        self.mix_hash(ciphertext)
        return opened

    def split(self) -> tuple[CipherState, CipherState]:
        """``Split``: the initiator's sending cipher, and the responder's."""
        first, second = hkdf(self._chaining_key, b"")
        return CipherState(first), CipherState(second)


def hkdf(chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
    """Noise's ``HKDF`` with two outputs (RFC 5869 with an empty info)."""
    secret = primitives.hmac_sha256(chaining_key, material)
    first = primitives.hmac_sha256(secret, b"\x01")
    return first, primitives.hmac_sha256(secret, first + b"\x02")
