"""Requests of the chat completions wire."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from alpi.providers.openai_wire import OpenAIWire, Quirks, encode
from alpi.providers.types import Request

from .conversation import LONG_TALK, PICTURE, REQUEST_ENDS, TOOLS, assistant, call, request, result, thought, user


def sent(asked: Request, **quirks: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(OpenAIWire(Quirks(**quirks)).encode(asked))
    return body


def test_a_whole_request() -> None:
    asked = request(user("Read a.", context="It is Sunday."), assistant("", call("c1")), result("c1", "text of a"))
    assert sent(asked) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in TOOLS
        ],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Read a.\n\nIt is Sunday."},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "read_file", "arguments": '{"path": "a"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "text of a"},
        ],
    }


def test_parameters_go_by_the_servers_own_names_and_are_left_out_when_not_set() -> None:
    asked = request(user("x"), max_output_tokens=100, temperature=0.0, reasoning_effort="low")
    body = sent(asked, max_tokens="max_completion_tokens", stream_options=False)
    assert (body["max_completion_tokens"], body["temperature"], body["reasoning_effort"]) == (100, 0.0, "low")
    assert "stream_options" not in body
    assert sent(asked, effort="reasoning")["reasoning"] == {"effort": "low"}
    assert set(sent(Request("m", "", [user("x")]))) == {"model", "stream", "stream_options", "messages"}


def test_the_same_request_gives_the_same_bytes_and_a_longer_one_begins_with_the_shorter() -> None:
    for quirks in (Quirks(), Quirks(reasoning="reasoning_content", reasoning_always=True), Quirks(sign_calls=True)):
        for vision in (True, False):
            wire = OpenAIWire(quirks)
            bodies = [wire.encode(request(*LONG_TALK[:end], vision=vision)) for end in REQUEST_ENDS]
            again = [wire.encode(request(*LONG_TALK[:end], vision=vision)) for end in REQUEST_ENDS]
            assert bodies == again
            for shorter, longer in pairwise(bodies):
                assert longer.startswith(shorter.removesuffix(b"]}"))


def test_pictures_go_to_models_that_see_and_are_named_to_the_others() -> None:
    talk = (user("Look.", images=(PICTURE,)), assistant("", call("c1")), result("c1", "a map", images=(PICTURE,)))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    seeing = sent(request(*talk, vision=True))["messages"]
    assert seeing[1]["content"] == [{"type": "text", "text": "Look."}, picture]
    assert seeing[3] == {"role": "tool", "tool_call_id": "c1", "content": "a map"}
    assert seeing[4]["role"] == "user"
    assert seeing[4]["content"][1] == picture
    blind = json.dumps(sent(request(*talk)))
    assert "base64" not in blind
    assert blind.count("does not take pictures: map.png") == 2


def test_pictures_of_several_results_follow_the_last_of_them() -> None:
    talk = (
        assistant("", call("c1"), call("c2")),
        result("c1", "x", images=(PICTURE,)),
        result("c2", "y", images=(PICTURE,)),
        user("And now?"),
    )
    roles = [message["role"] for message in sent(request(*talk, vision=True))["messages"]]
    assert roles == ["system", "assistant", "tool", "tool", "user", "user"]


def test_an_answer_without_content_is_never_sent_empty() -> None:
    assert sent(request(user("x"), assistant(""), user("y")))["messages"][2]["content"] == "(no answer)"


def test_arguments_that_are_no_json_do_not_poison_the_session() -> None:
    body = sent(request(user("x"), assistant("", call("c1", '{"path": ')), result("c1", "not JSON", ok=False)))
    arguments = body["messages"][2]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(arguments) == {"invalid_json": '{"path":'}


def test_thinking_goes_back_only_where_the_server_wants_it() -> None:
    said = assistant("", call("c1"), reasoning=(thought("Hm."),), model="p/m")
    other = assistant("", call("c2"), reasoning=(thought("Hm."),), model="p/other")
    plain = assistant("Yes.", reasoning=(thought("Hm."),), model="p/m")
    asked = request(said, other, plain)
    assert not any("reasoning" in str(list(message)) for message in sent(asked)["messages"])
    some = sent(asked, reasoning="reasoning")["messages"]
    assert [message.get("reasoning") for message in some[1:]] == ["Hm.", None, None]
    always = sent(asked, reasoning="reasoning_content", reasoning_always=True)["messages"]
    assert [message.get("reasoning_content") for message in always[1:]] == ["Hm.", "", "Hm."]


def test_reasoning_details_go_back_as_they_came() -> None:
    details = [{"type": "reasoning.encrypted", "data": "x", "index": 0}]
    said = assistant("", call("c1", extra={"reasoning_details": details}), reasoning=(thought("Hm."),), model="p/m")
    message = sent(request(said), reasoning="reasoning")["messages"][1]
    assert message["reasoning_details"] == details
    assert "reasoning" not in message
    assert "reasoning_details" not in json.dumps(sent(request(said)))


def test_thought_signatures_go_back_and_foreign_calls_get_the_stand_in() -> None:
    signature = {"google": {"thought_signature": "abc"}}
    own = assistant("", call("c1", extra={"extra_content": signature}), call("c2"), model="gemini/m")
    foreign = assistant("", call("c3"), call("c4"), model="openai/other")
    messages = sent(request(own, foreign), sign_calls=True)["messages"]
    assert [c.get("extra_content") for c in messages[1]["tool_calls"]] == [signature, None]
    first, second = (c.get("extra_content") for c in messages[2]["tool_calls"])
    assert first == {"google": {"thought_signature": "skip_thought_signature_validator"}}
    assert second is None
    assert "extra_content" not in json.dumps(sent(request(foreign)))


def test_call_ids_take_the_form_a_server_asks_for_on_both_sides() -> None:
    long = "chatcmpl-tool-0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e"
    for quirks, length in (({"short_ids": True}, 9), ({}, 24)):
        messages = sent(request(assistant("", call(long)), result(long, "x")), **quirks)["messages"]
        assert len(messages[1]["tool_calls"][0]["id"]) == length
        assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"]
    kept = sent(request(assistant("", call("abc123XYZ")), result("abc123XYZ", "x")), short_ids=True)
    assert kept["messages"][2]["tool_call_id"] == "abc123XYZ"


def test_text_that_is_no_unicode_is_sent_all_the_same() -> None:
    assert sent(request(user("name: \udcff")))["messages"][1]["content"] == "name: \ufffd"


def test_addresses_headers_and_model_lists() -> None:
    wire = OpenAIWire()
    assert wire.chat_url("http://h/v1/") == "http://h/v1/chat/completions"
    assert wire.models_url("http://h/v1") == "http://h/v1/models"
    assert wire.headers("k") == {"authorization": "Bearer k"}
    assert wire.headers("") == {}
    assert wire.model_names({"data": [{"id": "models/gemini-x"}, {"id": "b"}, {"x": 1}, 3]}) == (["gemini-x", "b"], "")
    assert wire.model_names([{"id": "a"}]) == (["a"], "")
    assert wire.model_names({"models": [{"name": "a"}]}) == (["a"], "")
    assert wire.model_names("nonsense") == ([], "")


def test_encode_needs_no_system_text() -> None:
    assert encode(request(user("x"), system=""), Quirks())["messages"][0]["role"] == "user"
