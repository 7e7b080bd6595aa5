"""Requests of the messages wire."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from alpi.base.message import Reasoning
from alpi.providers.anthropic_parser import LAYOUT
from alpi.providers.anthropic_wire import AnthropicWire
from alpi.providers.types import Request

from .conversation import LONG_TALK, PICTURE, REQUEST_ENDS, TOOLS, assistant, call, request, result, thought, user

WIRE = AnthropicWire()
MARK = {"type": "ephemeral"}


def sent(asked: Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(WIRE.encode(asked))
    return body


def unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: unmarked(item) for key, item in value.items() if key != "cache_control"}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


def marks(body: dict[str, Any]) -> list[str]:
    found = [f"tool {i}" for i, tool in enumerate(body.get("tools", [])) if "cache_control" in tool]
    found += [f"system {i}" for i, block in enumerate(body.get("system", [])) if "cache_control" in block]
    for place, message in enumerate(body["messages"]):
        found += [f"{place}.{i}" for i, block in enumerate(message["content"]) if "cache_control" in block]
    return found


def test_a_whole_request() -> None:
    asked = request(
        user("Read a.", context="It is Sunday."),
        assistant("I look.", call("c1"), call("c2")),
        result("c1", "text of a"),
        result("c2", "gone", ok=False),
    )
    body = sent(asked)
    assert unmarked(body) == {
        "model": "m",
        "stream": True,
        "max_tokens": 8192,
        "tools": [{"name": t.name, "description": t.description, "input_schema": t.parameters} for t in TOOLS],
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Read a.\n\nIt is Sunday."}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "read_file", "input": {"path": "a"}},
                    {"type": "tool_use", "id": "c2", "name": "read_file", "input": {"path": "a"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "text of a"}]},
                    {
                        "type": "tool_result",
                        "tool_use_id": "c2",
                        "content": [{"type": "text", "text": "gone"}],
                        "is_error": True,
                    },
                ],
            },
        ],
    }
    assert marks(body) == ["tool 1", "system 0", "0.0", "2.1"]


def test_each_request_marks_where_the_one_before_it_ended() -> None:
    last_ends: list[str] = []
    for end in REQUEST_ENDS:
        body = sent(request(*LONG_TALK[:end]))
        found = marks(body)
        assert len(found) <= 4
        if last_ends:
            assert last_ends[-1] in found
        last_ends = [mark for mark in found if "." in mark]


def test_no_turn_is_too_long_to_find_the_cache_again() -> None:
    many = [call(f"c{number}") for number in range(30)]
    before = sent(request(user("Read all.")))
    after = sent(request(user("Read all."), assistant("", *many), *(result(c.id, "x") for c in many)))
    assert marks(before)[-1] in marks(after)
    assert len(marks(after)) == 4


def test_examples_have_a_breakpoint_of_their_own() -> None:
    talk = (user("Example"), assistant("Answer"), user("Now"), assistant("Yes"), user("More"))
    body = sent(request(*talk, prefix=2))
    assert marks(body) == ["system 0", "1.0", "2.0", "4.0"]
    assert marks(sent(request(*talk[:3], prefix=2))) == ["system 0", "0.0", "1.0", "2.0"]


def test_a_longer_request_begins_with_the_shorter_breakpoints_aside() -> None:
    for vision in (True, False):
        bodies = [unmarked(sent(request(*LONG_TALK[:end], vision=vision))) for end in REQUEST_ENDS]
        for shorter, longer in pairwise(bodies):
            count = len(shorter["messages"])
            assert longer["messages"][:count] == shorter["messages"]
            assert {**longer, "messages": 0} == {**shorter, "messages": 0}
    assert WIRE.encode(request(*LONG_TALK)) == WIRE.encode(request(*LONG_TALK))


def test_roles_follow_the_protocol() -> None:
    messages = sent(request(*LONG_TALK))["messages"]
    for message in messages:
        assert message["content"]
        for block in message["content"]:
            assert block.get("text", "x").strip()
    for place, message in enumerate(messages):
        used = {block["id"] for block in message["content"] if block["type"] == "tool_use"}
        if used:
            answered = messages[place + 1]["content"]
            assert {block["tool_use_id"] for block in answered} == used


def test_thinking_goes_back_sealed_in_turns_with_tools() -> None:
    parts = (thought("One.", "seal"), Reasoning(redacted="blob"), thought("No seal."))
    said = assistant("So.", call("c1"), reasoning=parts, model="anthropic/m")
    blocks = sent(request(said, result("c1", "x")))["messages"][0]["content"]
    assert blocks[:2] == [
        {"type": "thinking", "thinking": "One.", "signature": "seal"},
        {"type": "redacted_thinking", "data": "blob"},
    ]
    assert [block["type"] for block in blocks[2:]] == ["text", "tool_use"]
    for other in (assistant("So.", reasoning=parts), assistant("So.", call("c1"), reasoning=parts, model="x/other")):
        assert "thinking" not in json.dumps(sent(request(other))["messages"])


def test_blocks_go_back_in_the_order_they_were_written() -> None:
    layout = ["thinking", 6, "call", "thinking", 5, "call"]
    parts = (thought("One.", "s1"), thought("Two.", "s2"))
    said = assistant("First then.", call("c1", extra={LAYOUT: layout}), call("c2"), reasoning=parts, model="p/m")
    blocks = sent(request(said))["messages"][0]["content"]
    assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use", "thinking", "text", "tool_use"]
    assert [block["text"] for block in blocks if block["type"] == "text"] == ["First ", "then."]
    edited = assistant("Changed.", call("c1", extra={LAYOUT: layout}), call("c2"), reasoning=parts, model="p/m")
    blocks = sent(request(edited))["messages"][0]["content"]
    assert [block["type"] for block in blocks] == ["thinking", "thinking", "text", "tool_use", "tool_use"]


@pytest.mark.parametrize(
    ("model", "thinking", "temperature"),
    [
        ("claude-sonnet-4-5-20250929", {"type": "enabled", "budget_tokens": 4000}, True),
        ("claude-haiku-4-5", {"type": "enabled", "budget_tokens": 4000}, True),
        ("claude-3-7-sonnet-20250219", {"type": "enabled", "budget_tokens": 4000}, True),
        ("claude-opus-4-6", {"type": "adaptive", "display": "summarized"}, True),
        ("claude-sonnet-4-6", {"type": "adaptive", "display": "summarized"}, True),
        ("claude-opus-4-8", {"type": "adaptive", "display": "summarized"}, False),
        ("claude-sonnet-5", {"type": "adaptive", "display": "summarized"}, False),
        ("claude-haiku-5-5", {"type": "adaptive", "display": "summarized"}, False),
        ("claude-mythos-preview", {"type": "adaptive", "display": "summarized"}, False),
        ("glm-5", {"type": "enabled", "budget_tokens": 4000}, True),
    ],
)
def test_thinking_is_asked_for_in_the_form_that_the_model_takes(
    model: str, thinking: dict[str, Any], temperature: bool
) -> None:
    body = sent(request(user("x"), model=model, thinking_tokens=4000, temperature=0.5))
    assert body["thinking"] == thinking
    assert "temperature" not in body
    assert body["max_tokens"] > thinking.get("budget_tokens", 0)
    plain = sent(request(user("x"), model=model, temperature=0.5))
    assert "thinking" not in plain
    assert ("temperature" in plain) == temperature


def test_a_turn_that_another_model_began_is_ended_without_a_budget() -> None:
    foreign = (user("x"), assistant("", call("c1"), model="p/other"), result("c1", "y"))
    own = (user("x"), assistant("", call("c1"), reasoning=(thought("Hm.", "seal"),), model="p/m"), result("c1", "y"))
    assert "thinking" not in sent(request(*foreign, thinking_tokens=2000))
    assert "thinking" in sent(request(*own, thinking_tokens=2000))
    assert "thinking" in sent(request(*foreign, assistant("Done."), user("next"), thinking_tokens=2000))
    adaptive = sent(request(*foreign, model="claude-opus-4-8", thinking_tokens=2000))
    assert adaptive["thinking"]["type"] == "adaptive"


def test_the_answer_keeps_its_room_beside_a_budget() -> None:
    body = sent(request(user("x"), thinking_tokens=9000, max_output_tokens=2000))
    assert body["thinking"]["budget_tokens"] == 9000
    assert body["max_tokens"] == 11000
    assert sent(request(user("x"), thinking_tokens=5))["thinking"]["budget_tokens"] == 1024
    assert sent(request(user("x"), reasoning_effort="low"))["output_config"] == {"effort": "low"}


def test_pictures_go_to_models_that_see_and_are_named_to_the_others() -> None:
    talk = (user("", images=(PICTURE,)), assistant("", call("c1")), result("c1", "", images=(PICTURE,)))
    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
    }
    messages = unmarked(sent(request(*talk, vision=True)))["messages"]
    assert messages[0]["content"] == [picture]
    assert messages[2]["content"][0]["content"] == [picture]
    blind = json.dumps(sent(request(*talk)))
    assert "base64" not in blind
    assert blind.count("does not take pictures: map.png") == 2


def test_empty_things_are_never_sent_empty() -> None:
    talk = (user("  "), assistant(" \n"), user("y"), assistant("", call("c1", "")), result("c1", ""))
    body = unmarked(sent(request(*talk, system=" ")))
    assert "system" not in body
    assert body["messages"][0]["content"] == [{"type": "text", "text": "(empty)"}]
    assert body["messages"][1]["content"] == [{"type": "text", "text": "(no answer)"}]
    assert body["messages"][3]["content"][0]["input"] == {}
    assert body["messages"][4]["content"] == [{"type": "tool_result", "tool_use_id": "c1"}]


def test_foreign_ids_are_made_to_fit_on_both_sides() -> None:
    messages = sent(request(assistant("", call("a.b:c")), result("a.b:c", "x")))["messages"]
    used = messages[0]["content"][0]["id"]
    assert used == messages[1]["content"][0]["tool_use_id"]
    assert used.isalnum()


def test_addresses_headers_and_model_lists() -> None:
    for base in ("http://h", "http://h/", "http://h/v1", "http://h/v1/"):
        assert WIRE.chat_url(base) == "http://h/v1/messages"
    assert WIRE.models_url("http://h", "m2") == "http://h/v1/models?limit=1000&after_id=m2"
    assert WIRE.headers("k") == {"anthropic-version": "2023-06-01", "x-api-key": "k"}
    assert "x-api-key" not in WIRE.headers("")
    page = {"data": [{"id": "m1"}, {"id": "m2"}, 5], "has_more": True, "last_id": "m2"}
    assert WIRE.model_names(page) == (["m1", "m2"], "m2")
    assert WIRE.model_names({**page, "last_id": "a&b"}) == (["m1", "m2"], "")
    assert WIRE.model_names([]) == ([], "")
