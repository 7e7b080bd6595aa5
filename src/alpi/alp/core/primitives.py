"""The primitives of libsodium that links are made of, each under one name; the only module of the core that loads PyNaCl."""

from __future__ import annotations

from nacl import bindings
from nacl.exceptions import CryptoError

from .errors import DecryptFailed, HandshakeFailed

KEY = 32
"""Bytes of every key here."""
TAG = 16
"""Bytes that sealing adds."""
SIGNATURE = 64

_BLOCK = 64
_INNER = bytes(value ^ 0x36 for value in range(256))
_OUTER = bytes(value ^ 0x5C for value in range(256))


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return bytes(bindings.crypto_hash_sha256(data))


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC with SHA-256 (RFC 2104); ``key`` has at most 64 bytes, as all of Noise have."""
    padded = key.ljust(_BLOCK, b"\0")
    return sha256(padded.translate(_OUTER) + sha256(padded.translate(_INNER) + data))


def public_x25519(secret: bytes) -> bytes:
    """The X25519 public key of a secret one."""
    return bytes(bindings.crypto_scalarmult_base(secret))


def diffie_hellman(secret: bytes, public: bytes) -> bytes:
    """The X25519 shared secret.

    Raises:
        HandshakeFailed: ``public`` is a point of small order, which would give a secret that everybody knows.
    """
    try:
        return bytes(bindings.crypto_scalarmult(secret, public))
    except (CryptoError, RuntimeError) as error:
        raise HandshakeFailed("the other end sent a key that gives no secret") from error


def seal(key: bytes, nonce: int, data: bytes, associated: bytes) -> bytes:
    """ChaCha20-Poly1305 (RFC 8439) under Noise's nonce: four zero bytes, then the counter as eight bytes, little-endian."""
    sealed = bindings.crypto_aead_chacha20poly1305_ietf_encrypt(
        data, associated, b"\0\0\0\0" + nonce.to_bytes(8, "little"), key
    )
    return bytes(sealed)


def unseal(key: bytes, nonce: int, data: bytes, associated: bytes) -> bytes:
    """The opposite of ``seal``.

    Raises:
        DecryptFailed: too short, changed, or sealed under another key or nonce.
    """
    if len(data) < TAG:
        raise DecryptFailed("a frame is too short to be sealed")
    try:
        opened = bindings.crypto_aead_chacha20poly1305_ietf_decrypt(
            data, associated, b"\0\0\0\0" + nonce.to_bytes(8, "little"), key
        )
    except CryptoError as error:
        raise DecryptFailed("a frame was changed on its way, or is not the next one") from error
    return bytes(opened)


def ed25519_pair(seed: bytes) -> tuple[bytes, bytes]:
    """Public key (32 bytes) and libsodium's secret key (64 bytes) of a seed (32 bytes)."""
    public, secret = bindings.crypto_sign_seed_keypair(seed)
    return bytes(public), bytes(secret)


def sign(data: bytes, secret: bytes) -> bytes:
    """A plain Ed25519 signature (RFC 8032), 64 bytes."""
    return bytes(bindings.crypto_sign(data, secret)[:SIGNATURE])


def verifies(signature: bytes, data: bytes, public: bytes) -> bool:
    """Whether a signature of 64 bytes is ``public``'s for ``data``."""
    try:
        bindings.crypto_sign_open(signature + data, public)
    except CryptoError:
        return False
    return True


def x25519_public(public: bytes) -> bytes | None:
    """The X25519 key of an Ed25519 public key by the birational map; ``None`` where the bytes are no usable key."""
    try:
        return bytes(bindings.crypto_sign_ed25519_pk_to_curve25519(public))
    except (CryptoError, RuntimeError, ValueError):
        return None


def x25519_secret(secret: bytes) -> bytes:
    """The X25519 secret key of an Ed25519 secret key (libsodium's 64 bytes)."""
    return bytes(bindings.crypto_sign_ed25519_sk_to_curve25519(secret))


def ed25519_candidates(noise_public: bytes) -> tuple[bytes, bytes]:
    """The two Ed25519 public keys that the birational map takes to one X25519 key (RFC 7748, section 4.1): y = (u - 1) / (u + 1)."""
    prime = 2**255 - 19
    u = int.from_bytes(noise_public, "little") & (2**255 - 1)
    y = (u - 1) * pow(u + 1, prime - 2, prime) % prime
    return y.to_bytes(32, "little"), (y | 1 << 255).to_bytes(32, "little")
