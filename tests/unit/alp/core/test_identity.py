from __future__ import annotations

import nacl.signing
import pytest
from nacl import bindings

from alpi.alp.core import primitives
from alpi.alp.core.identity import Identity, decode_base64, decode_key, encode_key
from alpi.alp.core.words import fingerprint
from tests.support.links import identity, seeded


@pytest.mark.parametrize("number", range(50))
def test_keys_are_converted_as_libsodium_does(number: int) -> None:
    seed = seeded(number)(32)
    mine = Identity(seed)
    signing = nacl.signing.SigningKey(seed)
    assert mine.public == bytes(signing.verify_key)
    assert mine.noise_secret == bytes(signing.to_curve25519_private_key())
    assert mine.noise_public == bytes(signing.verify_key.to_curve25519_public_key())
    assert primitives.x25519_public(mine.public) == mine.noise_public
    assert bindings.crypto_scalarmult_base(mine.noise_secret) == mine.noise_public


def test_a_signature_is_plain_ed25519() -> None:
    mine = identity(1)
    assert nacl.signing.VerifyKey(mine.public).verify(b"text", mine.sign(b"text")) == b"text"
    assert primitives.verifies(mine.sign(b"text"), b"text", mine.public)
    assert not primitives.verifies(mine.sign(b"text"), b"texT", mine.public)
    assert not primitives.verifies(mine.sign(b"text"), b"text", identity(2).public)


@pytest.mark.parametrize("seed", [b"", b"x" * 31, b"x" * 33, b"x" * 64])
def test_a_seed_has_32_bytes(seed: bytes) -> None:
    with pytest.raises(ValueError):
        Identity(seed)


def test_secrets_are_not_shown() -> None:
    mine = Identity(b"\x07" * 32)
    assert repr(mine) == f"Identity(name='{mine.name}')"


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_points_of_small_order_and_no_points_are_no_keys(point: bytes) -> None:
    assert primitives.x25519_public(point) is None


def test_keys_are_written_in_exactly_one_way() -> None:
    text = identity(1).name
    assert decode_key(text) == identity(1).public
    assert encode_key(identity(1).public) == text
    last = text[-2]
    other = chr(ord(last) + 1)
    for wrong in (
        text[:-1],
        text + "=",
        text[:-1] + "A",
        text.replace("=", ""),
        f" {text}",
        f"{text}\n",
        text[:-2] + other + "=",
        "é" * 44,
    ):
        assert decode_key(wrong) is None, wrong
    assert decode_base64("AAA=", 2) == b"\0\0"
    assert decode_base64("AAB=", 2) is None


def test_the_fingerprint_is_ten_words_of_the_keys_hash() -> None:
    assert identity(1).words == fingerprint(identity(1).public)
    assert fingerprint(b"\x00" * 32) == "frog-galaxy-hill-oasis-tower-forest-pear-hat-ginger-ladder"
    words = {fingerprint(bytes([number]) * 32) for number in range(256)}
    assert len(words) == 256
    assert all(len(text.split("-")) == 10 for text in words)


def test_the_list_has_256_words_that_differ() -> None:
    from alpi.alp.core import words

    known = words._LIST.split()
    assert len(known) == len(set(known)) == 256
    assert known == sorted(known)
    assert all(word.isascii() and word.isalpha() and 3 <= len(word) <= 8 for word in known)
