"""Our parsers against the official SDKs: the same bytes, cut anywhere, must add up to the same answer."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alpi.base.message import Usage
from alpi.providers.anthropic_wire import AnthropicWire
from alpi.providers.openai_wire import OpenAIWire
from alpi.providers.types import Failure
from alpi.providers.wire import Parser, Place, Wire, whole_text
from tests.support.collect import Answer, collect
from tests.support.scripted import Recorded, Reply, chunks_of
from tests.unit.providers.conversation import LONG_TALK, REQUEST_ENDS, request

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "wires"
NAMES = sorted(path.stem for path in VECTORS.glob("*.sse"))
WIRES: dict[str, Wire] = {"openai": OpenAIWire(), "anthropic": AnthropicWire()}
FAST = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def new_parser(wire: str) -> Parser:
    numbers = iter(range(1_000_000))
    return WIRES[wire].parser(Place("p", "m", "P"), lambda: f"made{next(numbers):05d}")


def ours(wire: str, pieces: Sequence[bytes]) -> Answer:
    parser = new_parser(wire)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return collect(events + parser.close())


@dataclass
class Told:
    """An answer in the terms that both sides can be compared in."""

    text: str
    thinking: str
    calls: list[tuple[str, str, Any]]
    usage: Usage | None
    stop: str


def told(answer: Answer) -> Told:
    assert answer.last_is_end, answer.ends
    assert len(answer.ends) == 1, answer.ends
    calls = [(call.id, call.name, json.loads(call.arguments)) for call in answer.calls]
    # What is shown while it is written must be what is kept in the end.
    assert [answer.written[place] for place in sorted(answer.written)][: len(calls)] == [
        (call.name, "" if answer.written[place][1] == "" else call.arguments) for place, call in enumerate(answer.calls)
    ]
    assert answer.thinking == "".join(part.text for part in answer.reasoning)
    return Told(answer.text, answer.thinking, calls, answer.usage, answer.stop)


# -- the oracles -----------------------------------------------------------------------------------------------------


class Pieces(httpx2.SyncByteStream):
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


class Oracles:
    """Both SDKs on a transport that answers with given bytes."""

    def __init__(self) -> None:
        import anthropic
        import openai

        self.pieces: Sequence[bytes] = ()
        http = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        self._openai = openai.OpenAI(api_key="k", base_url="http://model/v1", http_client=http, max_retries=0)
        self._anthropic = anthropic.Anthropic(api_key="k", base_url="http://model", http_client=http, max_retries=0)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, stream=Pieces(self.pieces))

    def ask(self, wire: str, pieces: Sequence[bytes]) -> Told:
        self.pieces = pieces
        return self.openai() if wire == "openai" else self.anthropic()

    def openai(self) -> Told:
        from openai.lib.streaming.chat import ChatCompletionStreamState

        state: Any = ChatCompletionStreamState()
        usage = None
        stream = self._openai.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True, stream_options={"include_usage": True}
        )
        for chunk in stream:
            usage = chunk.usage or usage
            state.handle_chunk(chunk)
        message = state.current_completion_snapshot.choices[0].message
        finish = state.current_completion_snapshot.choices[0].finish_reason
        calls = [(c.id, c.function.name, json.loads(c.function.arguments)) for c in message.tool_calls or []]
        extra = message.model_extra or {}
        thinking = extra.get("reasoning_content") or extra.get("reasoning") or ""
        found = None
        if usage is not None:
            prompt, details = usage.prompt_tokens_details, usage.completion_tokens_details
            found = Usage(
                input=usage.prompt_tokens,
                cached=(prompt and prompt.cached_tokens) or 0,
                cache_write=getattr(prompt, "cache_write_tokens", 0) or 0,
                output=usage.completion_tokens,
                reasoning=(details and details.reasoning_tokens) or 0,
            )
        stop = {"stop": "end", "tool_calls": "tools", "length": "length", "content_filter": "refusal"}[finish]
        stop = "tools" if calls and stop == "end" else "refusal" if message.refusal else stop
        return Told((message.content or "") + (message.refusal or ""), thinking, calls, found, stop)

    def anthropic(self) -> Told:
        with self._anthropic.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        ) as stream:
            message = stream.get_final_message()
        text = "".join(block.text for block in message.content if block.type == "text")
        thinking = "".join(block.thinking for block in message.content if block.type == "thinking")
        calls = [(block.id, block.name, block.input) for block in message.content if block.type == "tool_use"]
        usage = message.usage
        cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
        details = usage.output_tokens_details
        found = Usage(
            input=usage.input_tokens + cached + written,
            cached=cached,
            cache_write=written,
            output=usage.output_tokens,
            reasoning=(details and details.thinking_tokens) or 0,
        )
        length = ("max_tokens", "model_context_window_exceeded")
        stop = {"tool_use": "tools", "refusal": "refusal", **dict.fromkeys(length, "length")}
        return Told(text, thinking, calls, found, stop.get(message.stop_reason or "", "end"))


@pytest.fixture(scope="module")
def oracles() -> Oracles:
    return Oracles()


@cache
def vector(name: str) -> bytes:
    return (VECTORS / f"{name}.sse").read_bytes()


def cuts(data: bytes, positions: Sequence[int]) -> list[bytes]:
    borders = [0, *sorted(position % (len(data) + 1) for position in positions), len(data)]
    return [data[start:end] for start, end in pairwise(borders)]


# -- requests --------------------------------------------------------------------------------------------------------


@cache
def shape(wire: str) -> Any:
    """The type of a request to an SDK, as something that validates."""
    from anthropic.types.message_create_params import MessageCreateParamsStreaming
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
    from pydantic import TypeAdapter

    made: Any = MessageCreateParamsStreaming if wire == "anthropic" else CompletionCreateParamsStreaming
    return TypeAdapter(made)


def exhaust(value: Any) -> None:
    """Validates what pydantic validates only when it is read."""
    if isinstance(value, dict):
        for item in value.values():
            exhaust(item)
    elif not isinstance(value, str | int | float | None):
        for item in value:
            exhaust(item)


@pytest.mark.parametrize("vision", [True, False])
@pytest.mark.parametrize("end", REQUEST_ENDS)
def test_requests_are_of_the_types_that_the_sdks_take(end: int, vision: bool) -> None:
    more: dict[str, Any] = {"thinking_tokens": 2000, "reasoning_effort": "low", "temperature": 1.0}
    asked = request(*LONG_TALK[:end], vision=vision, max_output_tokens=5, **more)
    for wire in WIRES:
        body = json.loads(WIRES[wire].encode(asked))
        exhaust(shape(wire).validate_python(body))
        wrong = {**body, "messages": [*body["messages"], {"role": "user", "content": [{"type": "nonsense"}]}]}
        with pytest.raises(ValueError, match="validation error"):
            exhaust(shape(wire).validate_python(wrong))


# -- recorded streams ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_vector_cut_at_every_position_gives_what_the_sdk_gives(name: str, oracles: Oracles) -> None:
    wire, data = name.partition("_")[0], vector(name)
    expected = oracles.ask(wire, [data])
    for position in range(len(data) + 1):
        assert told(ours(wire, [data[:position], data[position:]])) == expected, position


@pytest.mark.parametrize("name", NAMES)
def test_sdk_too_sees_the_same_however_the_stream_is_cut(name: str, oracles: Oracles) -> None:
    wire, data = name.partition("_")[0], vector(name)
    expected = told(ours(wire, [data]))
    draw = random.Random(name)
    tiny = name.endswith("_tiny")
    positions = range(len(data) + 1) if tiny else [draw.randrange(len(data)) for _ in range(4)]
    for position in positions:
        assert oracles.ask(wire, [data[:position], data[position:]]) == expected, position


@pytest.mark.parametrize("name", NAMES)
def test_vector_byte_by_byte(name: str) -> None:
    wire, data = name.partition("_")[0], vector(name)
    assert told(ours(wire, [bytes([byte]) for byte in data])) == told(ours(wire, [data]))


@pytest.mark.parametrize("name", NAMES)
def test_vector_broken_off_anywhere_ends_once_and_never_invents(name: str) -> None:
    wire, data = name.partition("_")[0], vector(name)
    whole = ours(wire, [data])
    for length in range(0, len(data), 3):
        answer = ours(wire, [data[:length]])
        assert len(answer.ends) == 1
        assert answer.last_is_end
        assert whole.text.startswith(answer.text)
        assert whole.thinking.startswith(answer.thinking)
        if isinstance(answer.ends[0], Failure):
            assert answer.failure.kind == "broken_stream"
            assert answer.failure.retryable
        else:
            # The model had said why it stopped: all that is lost is what comes after that.
            assert answer.stop == whole.stop
            assert answer.calls == whole.calls


# -- streams made up by hypothesis -----------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.from_regex(r"[a-z][a-z_]{0,15}", fullmatch=True),
            "arguments": st.dictionaries(words, values, max_size=3),
        }
    ),
    max_size=3,
)
counts = st.fixed_dictionaries(
    {
        "input": st.integers(5000, 90000),
        "cached": st.integers(0, 2000),
        "cache_write": st.integers(0, 2000),
        "output": st.integers(0, 5000),
        "reasoning": st.just(0),
    }
)
replies = st.builds(
    Reply,
    text=st.lists(words, max_size=5),
    reasoning=st.lists(words, max_size=4),
    tool_calls=calls,
    usage=counts,
    stop=st.sampled_from(["", "", "length", "refusal"]),
    chunk_size=st.integers(1, 30),
    reasoning_field=st.sampled_from(["reasoning_content", "reasoning"]),
)
line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


def as_bytes(reply: Reply, wire: str, line_end: bytes, comments: bool) -> bytes:
    body = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
    request = Recorded("POST", "/", {}, b"", body, wire, 0.0)  # type: ignore[arg-type]
    chunks = list(chunks_of(reply, request, 1))
    glue = b": still here\n\n" if comments else b""
    return glue.join(chunks).replace(b"\n", line_end)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@given(
    reply=replies,
    line_end=line_ends,
    comments=st.booleans(),
    positions=st.lists(st.integers(0, 100_000), max_size=6),
)
@settings(FAST)
def test_made_up_streams_agree_with_the_sdk(
    wire: str, reply: Reply, line_end: bytes, comments: bool, positions: list[int], oracles: Oracles
) -> None:
    data = as_bytes(reply, wire, line_end, comments)
    expected = oracles.ask(wire, [data])
    assert told(ours(wire, cuts(data, positions))) == expected


# -- anything at all ---------------------------------------------------------------------------------------------------


def ends_well(wire: str, pieces: Sequence[bytes]) -> None:
    answer = ours(wire, pieces)
    assert len(answer.ends) == 1
    assert answer.last_is_end
    for text in (answer.text, answer.thinking, *(call.arguments + call.name + call.id for call in answer.calls)):
        assert text == whole_text(text)  # can be written to a file
    parser = new_parser(wire)
    assert len(collect(parser.whole(b"".join(pieces))).ends) == 1


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@given(pieces=st.lists(st.binary(max_size=200), max_size=5))
@example(pieces=[b"data: " + b"[" * 100_000 + b"\n\n"])
@example(pieces=[b"\xef\xbb", b"\xbf", b"data:\r", b"\ndata"])
@example(pieces=[b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n'])
@settings(FAST)
def test_garbage_never_raises(wire: str, pieces: list[bytes]) -> None:
    ends_well(wire, pieces)


@given(name=st.sampled_from(NAMES), at=st.integers(0, 100_000), junk=st.binary(max_size=8), lost=st.integers(0, 40))
@settings(FAST, max_examples=2 * settings().max_examples)
def test_damaged_vectors_never_raise(name: str, at: int, junk: bytes, lost: int) -> None:
    data = vector(name)
    at %= len(data)
    ends_well(name.partition("_")[0], [data[:at], junk + data[at + lost :]])


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)


def shaped(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """An object whose known fields are mostly of the right shape and sometimes anything."""
    return st.fixed_dictionaries({}, optional={name: value | odd for name, value in known.items()})


some_text = st.text(max_size=5)
openai_call = shaped(
    {
        "index": st.integers(-1, 3),
        "id": some_text,
        "function": shaped({"name": some_text, "arguments": some_text | odd}),
        "extra_content": odd,
    }
)
openai_delta = shaped(
    {
        "content": some_text | st.lists(shaped({"text": some_text, "thinking": odd}), max_size=2),
        "reasoning": some_text,
        "reasoning_details": st.lists(shaped({"type": some_text, "text": some_text}), max_size=2),
        "refusal": some_text,
        "tool_calls": st.lists(openai_call, max_size=3),
    }
)
openai_chunk = shaped(
    {
        "choices": st.lists(
            shaped({"index": st.just(0), "delta": openai_delta, "finish_reason": some_text | st.just("length")}),
            max_size=2,
        ),
        "usage": shaped({"prompt_tokens": st.integers(), "completion_tokens": odd, "prompt_tokens_details": odd}),
        "error": odd,
    }
)
anthropic_event = shaped(
    {
        "type": st.sampled_from(
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
                "error",
            ]
        ),
        "index": st.integers(0, 2),
        "message": shaped({"usage": odd}),
        "content_block": shaped(
            {
                "type": st.sampled_from(["text", "thinking", "tool_use", "redacted_thinking"]),
                "id": some_text,
                "name": some_text,
                "input": odd,
                "text": some_text,
                "data": odd,
            }
        ),
        "delta": shaped(
            {
                "type": st.sampled_from(["text_delta", "input_json_delta", "thinking_delta", "signature_delta"]),
                "text": some_text,
                "partial_json": some_text,
                "thinking": some_text,
                "signature": odd,
                "stop_reason": some_text,
            }
        ),
        "usage": odd,
        "error": odd,
    }
)


@given(events=st.lists(openai_chunk, max_size=5), done=st.booleans())
@settings(FAST)
def test_odd_chunks_never_raise(events: list[Any], done: bool) -> None:
    data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + ("data: [DONE]\n\n" if done else "")
    ends_well("openai", [data.encode()])


@given(events=st.lists(anthropic_event, max_size=8))
@settings(FAST)
def test_odd_events_never_raise(events: list[Any]) -> None:
    ends_well("anthropic", ["".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()])
