"""The event stream decoder, clause by clause of the standard."""

from __future__ import annotations

import pytest

from alpi.providers.sse import EventStream, EventTooLarge, ServerEvent


def decode(*pieces: bytes) -> list[ServerEvent]:
    stream = EventStream()
    return [event for piece in pieces for event in stream.feed(piece)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_divides(end: bytes) -> None:
    data = end.join([b"event: greeting", b"data: one", b"data: two", b"", b"data: three", b"", b""])
    assert decode(data) == [ServerEvent("greeting", "one\ntwo"), ServerEvent("message", "three")]
    assert decode(*[bytes([byte]) for byte in data]) == decode(data)


def test_cr_and_lf_in_two_pieces_are_one_line_end() -> None:
    assert decode(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == [ServerEvent("message", "a\nb")]
    assert decode(b"data: a\r", b"", b"\n\r", b"\n") == [ServerEvent("message", "a")]


def test_a_byte_order_mark_is_dropped_once_only_at_the_start() -> None:
    assert decode(b"\xef", b"\xbb", b"\xbfdata: a\n\n") == [ServerEvent("message", "a")]
    assert decode(b"data: \xef\xbb\xbfa\n\n") == [ServerEvent("message", "\ufeffa")]
    assert decode(b"\xef\xbbdata: a\n\ndata: b\n\n") == [ServerEvent("message", "b")]


def test_characters_cut_in_two_are_whole() -> None:
    data = "data: é🏔️\n\n".encode()
    for position in range(len(data)):
        assert decode(data[:position], data[position:]) == [ServerEvent("message", "é🏔️")]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert decode(b"data: a\xff\xfeb\n\n") == [ServerEvent("message", "a\ufffd\ufffdb")]


def test_comments_unknown_fields_and_events_without_data_give_nothing() -> None:
    assert decode(b": ping\n\nretry: 10\n\nevent: x\n\nnonsense\n\n") == []


def test_only_one_space_after_the_colon_is_removed() -> None:
    assert decode(b"data:a\ndata: b\ndata:  c\ndata\n\n") == [ServerEvent("message", "a\nb\n c\n")]


def test_the_last_id_stays_until_another_comes() -> None:
    events = decode(b"id: 1\ndata: a\n\ndata: b\n\nid: x\0y\ndata: c\n\nid\ndata: d\n\n")
    assert [event.last_id for event in events] == ["1", "1", "1", ""]


def test_the_end_hands_out_what_lacks_its_blank_line() -> None:
    for rest in (b"data: a", b"data: a\n"):
        stream = EventStream()
        assert stream.feed(rest) == []
        assert stream.close() == [ServerEvent("message", "a")]
        assert stream.close() == []


def test_an_endless_line_and_an_endless_event_are_refused() -> None:
    stream = EventStream(max_event_bytes=1000)
    with pytest.raises(EventTooLarge, match="larger than"):
        for _ in range(20):
            stream.feed(b"x" * 100)
    stream = EventStream(max_event_bytes=1000)
    with pytest.raises(EventTooLarge):
        for _ in range(200):
            stream.feed(b"data: 12345\n")


def test_many_events_need_no_limit() -> None:
    stream = EventStream(max_event_bytes=100)
    assert sum(len(stream.feed(b"data: 12345\n\n")) for _ in range(1000)) == 1000
