"""Answers of chat completions servers, above all where servers differ from each other."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from alpi.base.message import ToolCall, Usage
from alpi.providers.openai_parser import OpenAIParser, read_usage
from alpi.providers.wire import Place
from tests.support.collect import Answer, collect

PLACE = Place("home", "m", "Home", redact=lambda text: text.replace("hunter2", "[key]"))


def parser() -> OpenAIParser:
    return OpenAIParser(PLACE, map("made{}".format, itertools.count()).__next__)


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def heard(*chunks: dict[str, Any] | str, done: bool = True) -> Answer:
    lines = [item if isinstance(item, str) else f"data: {json.dumps(item)}" for item in chunks]
    lines += ["data: [DONE]"] if done else []
    reading = parser()
    return collect(reading.feed("".join(f"{line}\n\n" for line in lines).encode()) + reading.close())


def calls_of(*pieces: dict[str, Any] | list[dict[str, Any]], finish: str = "tool_calls") -> list[ToolCall]:
    deltas = [chunk({"tool_calls": piece if isinstance(piece, list) else [piece]}) for piece in pieces]
    return heard(*deltas, chunk({}, finish)).calls


def piece(arguments: Any = "", **more: Any) -> dict[str, Any]:
    name = more.pop("name", None)
    return {**more, "function": {"name": name, "arguments": arguments}}


def test_without_index_an_id_or_a_name_begins_a_call() -> None:
    found = calls_of(
        piece('{"a"', id="x", name="f"), piece(":1}"), piece("{}", id="y", name="g"), piece("", id="x", name="")
    )
    assert [(c.id, c.name, c.arguments) for c in found] == [("x", "f", '{"a":1}'), ("y", "g", "{}")]
    found = calls_of(
        [piece('{"a":1}', name="f"), piece('{"a":2}', name="f")], piece('{"b"', name="g"), piece(":1}", name="g")
    )
    assert [(c.id, c.name, c.arguments) for c in found] == [
        ("made0", "f", '{"a":1}'),
        ("made1", "f", '{"a":2}'),
        ("made2", "g", '{"b":1}'),
    ]


def test_an_id_and_a_name_repeated_with_every_piece_stay_one_call() -> None:
    found = calls_of(*[piece(part, index=0, id="x", name="read") for part in ('{"p', '":', "1}")])
    assert found == [ToolCall("x", "read", '{"p":1}')]


def test_parallel_calls_that_all_say_index_0_are_told_apart_by_their_ids() -> None:
    found = calls_of(*[piece(f'{{"n":{n}}}', index=0, id=f"x{n}", name="f") for n in range(3)])
    assert [(c.id, c.arguments) for c in found] == [("x0", '{"n":0}'), ("x1", '{"n":1}'), ("x2", '{"n":2}')]


def test_ids_are_made_up_where_they_lack_or_repeat() -> None:
    found = calls_of(
        piece("{}", index=0, name="f"), piece("{}", index=1, id="x", name="f"), piece("{}", index=2, id="x", name="g")
    )
    assert [c.id for c in found] == ["made0", "x", "made1"]


def test_names_and_arguments_in_unusual_shapes() -> None:
    assert calls_of(piece({"a": 1}, index=0, name="f")) == [ToolCall("made0", "f", '{"a":1}')]
    assert calls_of(piece("", index=0, name="read_"), piece("{}", index=0, name="file"))[0].name == "read_file"
    assert calls_of(piece('{"a":', index=0), piece("1}", index=0, name="late")) == [
        ToolCall("made0", "late", '{"a":1}')
    ]
    assert calls_of(piece(None, index=0, name="f"))[0].arguments == ""
    assert calls_of(piece("{}", index=0)) == []


def test_calls_are_shown_while_they_are_written() -> None:
    answer = heard(
        chunk({"tool_calls": [piece("", index=0, id="x", name="f")]}),
        chunk({"tool_calls": [piece('{"a":1}', index=0)]}),
    )
    assert answer.written == {0: ("f", '{"a":1}')}
    assert answer.stop == "tools"


def test_a_call_that_the_limit_cut_off_is_none() -> None:
    for torn in ('{"path": "a', ""):
        answer = heard(
            chunk({"tool_calls": [piece("{}", index=0, id="x", name="f"), piece(torn, index=1, id="y", name="g")]}),
            chunk({}, "length"),
        )
        assert answer.stop == "length"
        assert [c.name for c in answer.calls] == ["f"]


def test_extras_of_a_call_are_kept() -> None:
    signed = {**piece("{}", index=0, id="x", name="f"), "extra_content": {"google": {"thought_signature": "s"}}}
    assert calls_of(signed, finish="stop")[0].extra == {"extra_content": {"google": {"thought_signature": "s"}}}


def test_reasoning_details_are_put_together_and_kept_with_the_first_call() -> None:
    def details(**item: Any) -> dict[str, Any]:
        return chunk({"reasoning_details": [item]})

    answer = heard(
        details(type="reasoning.text", index=0, text="Look "),
        details(type="reasoning.text", index=0, text="first."),
        details(type="reasoning.text", index=0, text=None, signature="seal"),
        details(type="reasoning.encrypted", index=1, data="blob"),
        chunk(
            {"tool_calls": [piece("{}", index=0, id="x", name="f"), piece("{}", index=1, id="y", name="f")]},
            "tool_calls",
        ),
    )
    assert answer.calls[0].extra == {
        "reasoning_details": [
            {"type": "reasoning.text", "index": 0, "text": "Look first.", "signature": "seal"},
            {"type": "reasoning.encrypted", "index": 1, "data": "blob"},
        ]
    }
    assert answer.calls[1].extra == {}


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end"),
        ("length", "length"),
        ("model_length", "length"),
        ("content_filter", "refusal"),
        ("SAFETY", "refusal"),
        ("eos", "end"),
    ],
)
def test_reasons_to_stop(finish: str, stop: str) -> None:
    assert heard(chunk({"content": "x"}, finish)).stop == stop


@pytest.mark.parametrize(
    ("finish", "kind"),
    [
        ("error", "server"),
        ("insufficient_system_resource", "overloaded"),
        ("function_call_filter: MALFORMED_FUNCTION_CALL", "bad_answer"),
    ],
)
def test_reasons_to_stop_that_are_failures(finish: str, kind: str) -> None:
    answer = heard(chunk({"content": "x"}, finish))
    assert answer.failure.kind == kind
    assert answer.failure.retryable


def test_content_as_a_list_of_parts() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    answer = heard(chunk({"content": [thinking]}), chunk({"content": [{"type": "text", "text": "Yes."}]}, "stop"))
    assert (answer.thinking, answer.text) == ("Hm.", "Yes.")
    assert [part.text for part in answer.reasoning] == ["Hm."]


def test_halves_of_a_character_in_two_chunks() -> None:
    assert heard(chunk({"content": "a\ud83d"}), chunk({"content": "\ude00"}, "stop")).text == "a😀"
    answer = heard(chunk({"content": "a\ud83d"}, "stop"))
    assert answer.text == "a\ufffd"


def test_an_error_in_the_middle() -> None:
    answer = heard(chunk({"content": "half"}), {"error": {"message": "no capacity for hunter2", "code": 529}})
    assert answer.text == "half"
    assert (answer.failure.kind, answer.failure.status, answer.failure.retryable) == ("overloaded", 529, True)
    assert "Home is overloaded (529) in the middle of its answer" in answer.failure.message
    assert answer.failure.detail == "no capacity for [key]"
    assert heard('event: error\ndata: {"message": "gone"}').failure.detail == "gone"
    assert heard('event: error\ndata: "gone"').failure.kind == "server"
    assert (
        heard({"error": {"type": "invalid_request_error", "message": "maximum context length"}}).failure.kind
        == "too_long"
    )


def test_how_streams_end() -> None:
    assert heard(chunk({"content": "x"})).stop == "end"
    assert heard(chunk({"content": "x"}, "stop"), done=False).stop == "end"
    assert heard(chunk({"content": "x"}), done=False).failure.kind == "broken_stream"
    assert heard().failure.kind == "broken_stream"
    assert heard(done=False).failure.kind == "broken_stream"
    assert heard(chunk({}, "stop")).stop == "end"
    reading = parser()
    events = reading.feed(f"data: {json.dumps(chunk({'content': 'x'}, 'stop'))}\n\ndata: [DONE]".encode())
    assert collect(events + reading.close()).stop == "end"
    assert reading.done
    assert reading.feed(b"data: more\n\n") == []
    assert reading.close() == []


def test_what_is_no_json() -> None:
    failure = heard("data: <b>hunter2</b>").failure
    assert (failure.kind, failure.message) == ("bad_answer", "Home sent something that is not JSON")
    assert "hunter2" not in failure.detail
    assert heard("data: null", "data: 3", "data:", chunk({"content": "x"}, "stop")).text == "x"


def test_an_event_without_end_is_refused() -> None:
    reading = parser()
    events = [event for _ in range(10) for event in reading.feed(b"x" * 1024 * 1024)]
    assert collect(events).failure.kind == "bad_answer"


def test_other_choices_are_not_mixed_in() -> None:
    two = {
        "choices": [
            {"index": 1, "delta": {"content": "no"}},
            {"index": 0, "delta": {"content": "yes"}, "finish_reason": "stop"},
        ]
    }
    assert heard(two).text == "yes"


def test_a_whole_answer() -> None:
    message = {
        "role": "assistant",
        "content": "Reading.",
        "reasoning_content": "Hm.",
        "tool_calls": [{"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
    }
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 3}}
    answer = collect(parser().whole(json.dumps(body).encode()))
    assert (answer.text, answer.thinking, answer.calls) == ("Reading.", "Hm.", [ToolCall("x", "f", "{}")])
    assert (answer.usage, answer.stop) == (Usage(input=3), "tools")
    failure = collect(parser().whole(b'{"error": "no such thing"}')).failure
    assert (failure.kind, failure.message, failure.detail) == ("server", "Home failed (500)", "no such thing")
    assert collect(parser().whole(b'[{"error": {"code": 429, "message": "slow"}}]')).failure.kind == "rate_limit"
    assert collect(parser().whole(b'{"hello": 1}')).failure.message == "Home sent JSON that is no answer"
    assert collect(parser().whole(b"{")).failure.message == "Home sent something that is not JSON"


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, Usage(9, 0, 0, 4, 0)),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}},
            Usage(9, 8, 0, 4, 0),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 8}, Usage(9, 8, 0, 4, 0)),
        ({"prompt_tokens": 9, "completion_tokens": 4, "cached_tokens": 8}, Usage(9, 8, 0, 4, 0)),
        # thinking left out of the completion, as Gemini and xAI count
        ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 20}, Usage(9, 0, 0, 11, 7)),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 20,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(9, 0, 0, 11, 7),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 3}},
            Usage(9, 0, 0, 4, 3),
        ),
        ({"prompt_tokens": None, "completion_tokens": "4", "total_tokens": -1, "prompt_tokens_details": 3}, Usage()),
    ],
)
def test_usage(usage: dict[str, Any], counts: Usage) -> None:
    assert read_usage(usage) == counts


def test_usage_wherever_it_stands_and_only_when_it_changes() -> None:
    counted = {"prompt_tokens": 9, "completion_tokens": 4}
    assert heard(chunk({}, "stop"), {"choices": [], "usage": counted}).usage == Usage(9, 0, 0, 4)
    assert heard(chunk({}, "stop", usage=counted)).usage == Usage(9, 0, 0, 4)
    assert heard(chunk({}, "stop", x_groq={"usage": counted})).usage == Usage(9, 0, 0, 4)
    reading = parser()
    events = reading.feed(f"data: {json.dumps(chunk({}, None, usage=counted))}\n\n".encode() * 3)
    assert len(events) == 1
