from __future__ import annotations

import json
from pathlib import Path

import pytest
from noise.connection import Keypair, NoiseConnection

from alpi.alp.core import primitives
from alpi.alp.core.errors import DecryptFailed, HandshakeFailed, NoncesExhausted
from alpi.alp.core.noise.cipherstate import LAST_NONCE, CipherState
from alpi.alp.core.noise.handshakestate import OVERHEAD, Finished, HandshakeState
from tests.support.links import identity, seeded

VECTORS = Path(__file__).parents[3] / "vectors" / "alp" / "noise_xk_snow.json"


def test_the_published_vectors() -> None:
    vectors = json.loads(VECTORS.read_text())["vectors"]
    assert len(vectors) == 1
    for vector in vectors:
        key = {
            name: bytes.fromhex(value)
            for name, value in vector.items()
            if isinstance(value, str) and name != "protocol_name"
        }
        one = HandshakeState(
            key["init_static"], key["init_ephemeral"], key["init_remote_static"], prologue=key["init_prologue"]
        )
        other = HandshakeState(key["resp_static"], key["resp_ephemeral"], prologue=key["resp_prologue"])
        messages = [(bytes.fromhex(m["payload"]), m["ciphertext"]) for m in vector["messages"]]
        for number, (payload, ciphertext) in enumerate(messages[:3]):
            writer, reader = (one, other) if number % 2 == 0 else (other, one)
            written = writer.write(payload)
            assert written.hex() == ciphertext
            assert reader.read(written) == payload
        first, second = one.finish(), other.finish()
        assert first.handshake_hash == second.handshake_hash
        assert second.remote_static == primitives.public_x25519(key["init_static"])
        for number, (payload, ciphertext) in enumerate(messages[3:]):
            ours, theirs = (second, first) if number % 2 == 0 else (first, second)
            written = ours.send.encrypt(payload)
            assert written.hex() == ciphertext
            assert theirs.receive.decrypt(written) == payload


def handshake(seed: int = 1) -> tuple[HandshakeState, HandshakeState]:
    rng = seeded(seed)
    client, server = identity(1), identity(2)
    return (
        HandshakeState(client.noise_secret, rng(32), server.noise_public),
        HandshakeState(server.noise_secret, rng(32), None, lambda key: key == client.noise_public),
    )


def done(one: HandshakeState, other: HandshakeState) -> tuple[Finished, Finished]:
    other.read(one.write())
    one.read(other.write())
    other.read(one.write())
    return one.finish(), other.finish()


def independent(initiator: bool, me: int, peer: int) -> NoiseConnection:
    made = NoiseConnection.from_name(b"Noise_XK_25519_ChaChaPoly_SHA256")
    made.set_as_initiator() if initiator else made.set_as_responder()
    made.set_keypair_from_private_bytes(Keypair.STATIC, identity(me).noise_secret)
    if initiator:
        made.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, identity(peer).noise_public)
    made.start_handshake()
    return made


def test_an_independent_implementation_answers() -> None:
    ours = HandshakeState(identity(1).noise_secret, seeded()(32), identity(2).noise_public)
    theirs = independent(initiator=False, me=2, peer=1)
    theirs.read_message(ours.write())
    ours.read(bytes(theirs.write_message()))
    theirs.read_message(ours.write())
    assert theirs.handshake_finished
    session = ours.finish()
    for number in range(20):
        text = b"message %d" % number
        assert theirs.decrypt(session.send.encrypt(text)) == text
        assert session.receive.decrypt(bytes(theirs.encrypt(text))) == text


def test_an_independent_implementation_calls() -> None:
    ours = HandshakeState(identity(2).noise_secret, seeded()(32), None, lambda key: True)
    theirs = independent(initiator=True, me=1, peer=2)
    ours.read(bytes(theirs.write_message()))
    theirs.read_message(ours.write())
    ours.read(bytes(theirs.write_message()))
    session = ours.finish()
    assert session.remote_static == identity(1).noise_public
    for number in range(20):
        text = b"message %d" % number
        assert theirs.decrypt(session.send.encrypt(text)) == text
        assert session.receive.decrypt(bytes(theirs.encrypt(text))) == text


@pytest.mark.parametrize("message", range(3))
def test_every_flipped_byte_of_the_handshake_is_noticed(message: int) -> None:
    for at in range(OVERHEAD[message]):
        for bit in (1, 128):
            one, other = handshake()
            for number in range(message):
                writer, reader = (one, other) if number % 2 == 0 else (other, one)
                reader.read(writer.write())
            writer, reader = (one, other) if message % 2 == 0 else (other, one)
            written = bytearray(writer.write())
            written[at] ^= bit
            with pytest.raises(HandshakeFailed):
                reader.read(bytes(written))
            for attempt in (lambda end=reader: end.read(bytes(48)), lambda end=reader: end.write(), reader.finish):
                with pytest.raises(HandshakeFailed):
                    attempt()


@pytest.mark.parametrize("message", range(3))
def test_short_and_long_messages_are_refused(message: int) -> None:
    for change in (-OVERHEAD[message], -33, -17, -1, 1, 16):
        one, other = handshake()
        for number in range(message):
            writer, reader = (one, other) if number % 2 == 0 else (other, one)
            reader.read(writer.write())
        writer, reader = (one, other) if message % 2 == 0 else (other, one)
        written = writer.write()
        with pytest.raises(HandshakeFailed):
            reader.read(written[:change] if change < 0 else written + bytes(change))


def test_nothing_is_done_out_of_turn() -> None:
    one, other = handshake()
    with pytest.raises(HandshakeFailed):
        one.read(bytes(48))
    with pytest.raises(HandshakeFailed):
        other.write()
    with pytest.raises(HandshakeFailed):
        one.finish()
    one.write()
    with pytest.raises(HandshakeFailed):
        one.write()


def test_finishing_consumes_the_handshake() -> None:
    one, other = handshake()
    done(one, other)
    for end in (one, other):
        for attempt in (end.finish, end.write, lambda end=end: end.read(bytes(64))):
            with pytest.raises(HandshakeFailed):
                attempt()


def test_a_stranger_is_turned_away_as_soon_as_its_key_is_seen() -> None:
    asked: list[bytes] = []

    def admits(key: bytes) -> bool:
        asked.append(key)
        return False

    stranger = identity(3)
    one = HandshakeState(stranger.noise_secret, seeded()(32), identity(2).noise_public)
    other = HandshakeState(identity(2).noise_secret, seeded(2)(32), None, admits)
    other.read(one.write())
    one.read(other.write())
    # What follows the key in message 3 is nonsense: it is not looked at any more.
    with pytest.raises(HandshakeFailed, match="not known"):
        other.read(one.write()[:48] + bytes(16))
    assert asked == [stranger.noise_public]
    with pytest.raises(HandshakeFailed):
        other.finish()


def test_a_key_that_is_only_claimed_is_not_enough() -> None:
    """Whoever shows a pinned peer's key in message 3 without holding it fails at the tag after it."""
    admitted: list[bytes] = []
    one, _ = handshake()
    other = HandshakeState(identity(2).noise_secret, seeded(2)(32), None, lambda key: not admitted.append(key))
    other.read(one.write())
    one.read(other.write())
    thief = one._symmetric
    shown = thief.encrypt_and_hash(identity(1).noise_public)
    thief.mix_key(seeded(5)(32))
    with pytest.raises(HandshakeFailed):
        other.read(shown + thief.encrypt_and_hash(b""))
    assert admitted == [identity(1).noise_public]


def test_a_responder_with_another_key_cannot_read_message_1() -> None:
    one = HandshakeState(identity(1).noise_secret, seeded()(32), identity(2).noise_public)
    with pytest.raises(HandshakeFailed):
        HandshakeState(identity(3).noise_secret, seeded(2)(32)).read(one.write())


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_an_ephemeral_key_of_small_order_is_refused(point: bytes) -> None:
    _, other = handshake()
    with pytest.raises(HandshakeFailed):
        other.read(point + bytes(16))


def test_a_failed_frame_kills_the_cipher() -> None:
    one, other = CipherState(bytes(32)), CipherState(bytes(32))
    sealed = one.encrypt(b"text")
    with pytest.raises(DecryptFailed):
        other.decrypt(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    assert other.is_dead
    for attempt in (lambda: other.decrypt(sealed), lambda: other.encrypt(b"x")):
        with pytest.raises(DecryptFailed):
            attempt()


def test_frames_must_come_in_order() -> None:
    one, other = CipherState(bytes(32)), CipherState(bytes(32))
    first, second = one.encrypt(b"1"), one.encrypt(b"2")
    assert other.decrypt(first) == b"1"
    with pytest.raises(DecryptFailed):
        other.decrypt(first)
    skipped = CipherState(bytes(32))
    with pytest.raises(DecryptFailed):
        skipped.decrypt(second)


def test_the_last_nonce_is_never_used() -> None:
    cipher = CipherState(bytes(32), LAST_NONCE - 1)
    cipher.encrypt(b"the last one")
    for attempt in (lambda: cipher.encrypt(b""), lambda: cipher.decrypt(bytes(16))):
        with pytest.raises(NoncesExhausted):
            attempt()
