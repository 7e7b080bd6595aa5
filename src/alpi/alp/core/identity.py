"""Who a node is: one Ed25519 key pair, and the X25519 pair that it becomes for Noise."""

from __future__ import annotations

import binascii
from dataclasses import dataclass, field

from . import primitives
from .words import fingerprint


@dataclass(frozen=True, slots=True)
class Identity:
    """A node's own keys. Only the seed is ever stored; ``repr`` shows the public key alone.

    Raises:
        ValueError: a seed that has not 32 bytes.
    """

    seed: bytes = field(repr=False)
    public: bytes = field(init=False, repr=False)
    name: str = field(init=False)
    """The public key in base64: the identity, as it stands in envelopes, cards and peer lists."""
    secret: bytes = field(init=False, repr=False)
    noise_secret: bytes = field(init=False, repr=False)
    noise_public: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != primitives.KEY:
            raise ValueError("an identity's seed has 32 bytes")
        public, secret = primitives.ed25519_pair(self.seed)
        noise_secret = primitives.x25519_secret(secret)
        made = {
            "public": public,
            "name": encode_key(public),
            "secret": secret,
            "noise_secret": noise_secret,
            "noise_public": primitives.public_x25519(noise_secret),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    @property
    def words(self) -> str:
        """The fingerprint in words."""
        return fingerprint(self.public)

    def sign(self, data: bytes) -> bytes:
        """A plain Ed25519 signature, 64 bytes."""
        return primitives.sign(data, self.secret)


def encode_key(public: bytes) -> str:
    """A key as it is written: standard base64 with padding."""
    return encode_base64(public)


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_key(text: str) -> bytes | None:
    """The 32 bytes of a key that is written in standard base64, or ``None`` where it is not exactly that."""
    return decode_base64(text, primitives.KEY)


def decode_base64(text: str, size: int) -> bytes | None:
    """The bytes of a text in standard base64 with padding, or ``None``: other characters, another size, unused bits that are set."""
    try:
        data = binascii.a2b_base64(text)
    except ValueError:  # characters beyond ASCII, or padding that does not fit
        return None
    # Reading is lenient about what does not belong there; whatever is not exactly as it would be written shows here.
    return data if len(data) == size and encode_base64(data) == text else None
