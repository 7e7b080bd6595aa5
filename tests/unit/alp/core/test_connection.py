from __future__ import annotations

import pytest

from alpi.alp.core.connection import (
    LARGEST_ENVELOPE,
    LARGEST_FRAME,
    Broken,
    Connection,
    EnvelopeArrived,
    HandshakeDone,
)
from alpi.alp.core.errors import DecryptFailed, FrameTooLarge, HandshakeFailed
from tests.support.links import connected, envelopes, identity, pump, seeded

CLIENT, SERVER, STRANGER = identity(1), identity(2), identity(3)


def fresh(admits: bool = True) -> tuple[Connection, Connection]:
    rng = seeded()
    one = Connection(CLIENT, rng(32), SERVER.noise_public)
    return one, Connection(SERVER, rng(32), None, lambda key: admits and key == CLIENT.noise_public)


def test_a_handshake_and_envelopes_both_ways() -> None:
    one, other = fresh()
    assert pump(one, other) == []
    assert pump(other, one) == [HandshakeDone(SERVER.noise_public)]
    one.send(b"question")
    assert pump(one, other) == [HandshakeDone(CLIENT.noise_public), EnvelopeArrived(b"question")]
    other.send(b"answer 1")
    other.send(b"")
    assert pump(other, one) == [EnvelopeArrived(b"answer 1"), EnvelopeArrived(b"")]
    assert one.steps == other.steps == 3


def test_the_bytes_on_the_wire() -> None:
    one, other = fresh()
    first = one.data_to_send()
    assert first[:2] == b"\x00\x30" and len(first) == 2 + 48
    other.receive(first)
    second = other.data_to_send()
    assert second[:2] == b"\x00\x30" and len(second) == 2 + 48
    one.receive(second)
    third = one.data_to_send()
    assert third[:2] == b"\x00\x40" and len(third) == 2 + 64
    other.receive(third)
    one.send(b"x" * 300)
    frame = one.data_to_send()
    assert frame[:4] == (316).to_bytes(4, "big") and len(frame) == 320


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_bytes_may_come_cut_anywhere(size: int) -> None:
    one, other = fresh()
    arrived: list[bytes] = []
    for _ in range(3):
        for sender, receiver in ((one, other), (other, one)):
            data = sender.data_to_send()
            for at in range(0, len(data), size):
                arrived += envelopes(receiver.receive(data[at : at + size]))
    one.send(b"a" * 100)
    one.send(b"b")
    data = one.data_to_send()
    for at in range(0, len(data), size):
        arrived += envelopes(other.receive(data[at : at + size]))
    assert arrived == [b"a" * 100, b"b"]
    assert other.waiting == 0


def test_every_flipped_byte_of_the_handshake_ends_it_without_an_answer() -> None:
    for number in range(3):
        length = (50, 50, 66)[number]
        for at in range(length):
            one, other = fresh()
            ends = [(one, other), (other, one), (one, other)]
            for writer, reader in ends[:number]:
                pump(writer, reader)
            writer, reader = ends[number]
            data = bytearray(writer.data_to_send())
            data[at] ^= 1
            events = reader.receive(bytes(data))
            assert [type(event) for event in events] == [Broken], (number, at)
            assert reader.is_broken and not reader.is_open
            assert reader.data_to_send() == b""
            assert reader.receive(bytes(data)) == []


def test_every_flipped_byte_of_a_frame_ends_the_session_without_an_answer() -> None:
    for at in range(4 + 40 + 16):
        one, other = connected(CLIENT, SERVER)
        one.send(b"x" * 40)
        one.send(b"next" * 300)
        data = bytearray(one.data_to_send())
        data[at] ^= 1
        events = other.receive(bytes(data))
        if not events:  # a length that is longer, but allowed: the frame is waited for, and is none when it has come
            assert at == 1
            events = other.receive(bytes(1 << 18))
        assert [type(event) for event in events] == [Broken], at
        assert other.data_to_send() == b"" and other.waiting == 0


def test_a_stranger_is_shown_to_the_log_and_nothing_after_it_is_read() -> None:
    rng = seeded()
    one = Connection(STRANGER, rng(32), SERVER.noise_public)
    other = Connection(SERVER, rng(32), None, lambda key: key == CLIENT.noise_public)
    pump(one, other)
    pump(other, one)
    one.send(b"let me in")
    (event,) = pump(one, other)
    assert isinstance(event, Broken)
    assert event.shown == STRANGER.noise_public
    assert other.data_to_send() == b"" and other.waiting == 0
    assert other.receive(b"x" * 1000) == [] and other.waiting == 0


@pytest.mark.parametrize("size", [LARGEST_FRAME + 1, 100 << 20, 2**32 - 1])
def test_a_frame_that_is_too_large_ends_the_session_when_it_is_announced(size: int) -> None:
    one, other = connected(CLIENT, SERVER)
    (event,) = other.receive(size.to_bytes(4, "big"))
    assert isinstance(event, Broken) and isinstance(event.error, FrameTooLarge)
    assert other.waiting == 0 and not one.is_broken


@pytest.mark.parametrize("size", [0, 1, 15])
def test_a_frame_that_is_too_short_to_be_sealed_ends_the_session(size: int) -> None:
    _, other = connected(CLIENT, SERVER)
    (event,) = other.receive(size.to_bytes(4, "big") + bytes(size))
    assert isinstance(event, Broken) and isinstance(event.error, DecryptFailed)


def test_the_largest_envelope_just_fits() -> None:
    one, other = connected(CLIENT, SERVER)
    one.send(b"x" * LARGEST_ENVELOPE)
    assert envelopes(pump(one, other)) == [b"x" * LARGEST_ENVELOPE]
    with pytest.raises(FrameTooLarge):
        one.send(b"x" * (LARGEST_ENVELOPE + 1))
    one.send(b"goes on")
    assert envelopes(pump(one, other)) == [b"goes on"]


@pytest.mark.parametrize("message", [b"\x00\x00", b"\x00\x2f", b"\x00\x31", b"\xff\xff", b"GE"])
def test_another_length_of_a_handshake_message_ends_it_at_once(message: bytes) -> None:
    _, other = fresh()
    (event,) = other.receive(message)
    assert isinstance(event, Broken) and isinstance(event.error, HandshakeFailed)


def test_nothing_is_sent_before_the_handshake_or_after_the_end() -> None:
    one, other = fresh()
    for end in (one, other):
        with pytest.raises(HandshakeFailed):
            end.send(b"x")
    one, other = connected(CLIENT, SERVER)
    one.send(b"waits")
    one.end()
    assert one.data_to_send() == b""
    with pytest.raises(HandshakeFailed):
        one.send(b"x")


def test_envelopes_can_be_taken_one_by_one() -> None:
    one, other = connected(CLIENT, SERVER)
    for number in range(3):
        one.send(b"%d" % number)
    assert envelopes(other.receive(one.data_to_send(), most=1)) == [b"0"]
    assert other.waiting > 0
    assert envelopes(other.receive(b"", most=1)) == [b"1"]
    assert envelopes(other.receive(b"")) == [b"2"]
    assert other.waiting == 0


def test_a_session_of_another_pair_cannot_be_read() -> None:
    one, _ = connected(CLIENT, SERVER, seed=1)
    _, other = connected(CLIENT, SERVER, seed=2)
    one.send(b"x")
    (event,) = pump(one, other)
    assert isinstance(event, Broken)
