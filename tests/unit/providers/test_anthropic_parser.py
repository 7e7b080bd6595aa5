"""Answers of the messages wire."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from alpi.base.message import Reasoning, ToolCall, Usage
from alpi.providers.anthropic_parser import LAYOUT, AnthropicParser
from alpi.providers.anthropic_wire import AnthropicWire
from alpi.providers.wire import Place
from tests.support.collect import Answer, collect

from .conversation import assistant, request, result, user

PLACE = Place("anthropic", "m", "Anthropic")
VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "wires"


def parser() -> AnthropicParser:
    return AnthropicParser(PLACE, map("made{}".format, itertools.count()).__next__)


def start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"usage": usage}}


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any], stopped: bool = True) -> list[dict[str, Any]]:
    events = [{"type": "content_block_start", "index": index, "content_block": content}]
    events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [*events, {"type": "content_block_stop", "index": index}] if stopped else events


def text(index: int, said: str) -> list[dict[str, Any]]:
    return block(index, {"type": "text", "text": ""}, {"type": "text_delta", "text": said})


def use(index: int, arguments: str, *, call_id: str = "x", stopped: bool = True) -> list[dict[str, Any]]:
    content = {"type": "tool_use", "id": call_id, "name": "f", "input": {}}
    return block(index, content, {"type": "input_json_delta", "partial_json": arguments}, stopped=stopped)


def end(reason: str, **usage: int) -> list[dict[str, Any]]:
    return [{"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}, {"type": "message_stop"}]


def heard(*events: dict[str, Any]) -> Answer:
    reading = parser()
    sent = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return collect(reading.feed(sent.encode()) + reading.close())


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("pause_turn", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
        ("something_new", "end"),
    ],
)
def test_reasons_to_stop(reason: str, stop: str) -> None:
    assert heard(start(), *text(0, "x"), *end(reason)).stop == stop


def test_the_prompt_is_counted_whole() -> None:
    first = start(input_tokens=7, cache_read_input_tokens=4000, cache_creation_input_tokens=300, output_tokens=1)
    answer = heard(first, *text(0, "x"), *end("end_turn", output_tokens=9))
    assert answer.usage == Usage(input=4307, cached=4000, cache_write=300, output=9)
    assert heard(start(input_tokens=7), *end("end_turn", input_tokens=8, output_tokens=1)).usage == Usage(8, output=1)


def test_thinking_is_kept_with_its_seals() -> None:
    thinking = block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "One"},
        {"type": "thinking_delta", "thinking": "."},
        {"type": "signature_delta", "signature": "seal"},
    )
    answer = heard(
        start(), *thinking, *block(1, {"type": "redacted_thinking", "data": "blob"}), *text(2, "x"), *end("end_turn")
    )
    assert answer.thinking == "One."
    assert answer.reasoning == [Reasoning("One.", "seal"), Reasoning(redacted="blob")]


def test_calls_without_arguments_have_an_empty_object() -> None:
    assert heard(start(), *use(0, ""), *end("tool_use")).calls == [ToolCall("x", "f", "{}")]


def test_a_call_that_the_limit_cut_off_is_none() -> None:
    for torn in ('{"path": "a', ""):
        for stopped in (True, False):
            events = [start(), *use(0, '{"a": 1}'), *use(1, torn, call_id="y", stopped=stopped), *end("max_tokens")]
            answer = heard(*events)
            assert answer.stop == "length"
            assert [call.id for call in answer.calls] == ["x"]


def test_blocks_left_open_at_a_proper_end_are_kept() -> None:
    assert heard(start(), *use(0, "{}", stopped=False), *end("tool_use")).calls == [ToolCall("x", "f", "{}")]


def test_calls_that_share_an_id_are_told_apart() -> None:
    assert [c.id for c in heard(start(), *use(0, "{}"), *use(1, "{}"), *end("tool_use")).calls] == ["x", "made0"]


def test_an_unusual_order_of_blocks_is_remembered_and_sent_back() -> None:
    reading = parser()
    events = reading.feed((VECTORS / "anthropic_interleaved.sse").read_bytes())
    answer = collect(events)
    assert answer.calls[0].extra[LAYOUT] == ["thinking", 6, "call", "thinking", 6, "call"]
    said = assistant(answer.text, *answer.calls, reasoning=tuple(answer.reasoning), model="anthropic/m")
    results = [result(call.id, "x") for call in answer.calls]
    body = json.loads(AnthropicWire().encode(request(user("go"), said, *results)))
    sent = body["messages"][1]["content"]
    assert [b["type"] for b in sent] == ["thinking", "text", "tool_use", "thinking", "text", "tool_use"]
    assert [b["signature"] for b in sent if b["type"] == "thinking"] == ["U2lnLTQ=", "U2lnLTU="]
    assert [b["input"] for b in sent if b["type"] == "tool_use"] == [{"path": "1"}, {"path": "2"}]
    usual = parser().feed((VECTORS / "anthropic_thinking_call.sse").read_bytes())
    assert collect(usual).calls[0].extra == {}


def test_errors_in_the_stream() -> None:
    answer = heard(
        start(), *text(0, "half"), {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    )
    assert answer.text == "half"
    assert (answer.failure.kind, answer.failure.status, answer.failure.retryable) == ("overloaded", 529, True)
    kinds = {
        "authentication_error": "auth",
        "rate_limit_error": "rate_limit",
        "api_error": "server",
        "new_error": "server",
    }
    for given, kind in kinds.items():
        assert heard({"type": "error", "error": {"type": given, "message": "x"}}).failure.kind == kind


def test_how_streams_end() -> None:
    assert heard(start(), *text(0, "x"), *end("end_turn")[:1]).stop == "end"
    assert heard(start(), *text(0, "x")).failure.kind == "broken_stream"
    assert heard({"type": "message_stop"}).failure.kind == "broken_stream"
    assert heard().failure.kind == "broken_stream"
    assert heard({"type": "ping"}, {"type": "to_come", "x": 1}, start(), *text(0, "x"), *end("end_turn")).text == "x"


def test_a_whole_answer() -> None:
    message = {
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "seal"},
            {"type": "text", "text": "Reading."},
            {"type": "tool_use", "id": "x", "name": "f", "input": {"a": [1]}},
            {"type": "tool_use", "id": "y", "name": "g", "input": {}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    answer = collect(parser().whole(json.dumps(message).encode()))
    assert (answer.text, answer.reasoning, answer.stop) == ("Reading.", [Reasoning("Hm.", "seal")], "tools")
    assert answer.calls == [ToolCall("x", "f", '{"a":[1]}'), ToolCall("y", "g", "{}")]
    assert answer.usage == Usage(3, output=2)
    error = {"type": "error", "error": {"type": "not_found_error", "message": "model: m"}}
    assert collect(parser().whole(json.dumps(error).encode())).failure.kind == "not_found"
    assert collect(parser().whole(b"[]")).failure.kind == "bad_answer"
    assert collect(parser().whole(b"<html>")).failure.kind == "bad_answer"
