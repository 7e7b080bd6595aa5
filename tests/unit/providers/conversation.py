"""Messages for the wires' tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from alpi.base.message import AssistantMessage, Image, Reasoning, ToolCall, ToolMessage, UserMessage
from alpi.providers.types import ModelSettings, Request, ToolSpec

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PICTURE = Image("image/png", "iVBORw0KGgo=", "map.png")
TOOLS = (
    ToolSpec("write_file", "Writes.", {"type": "object", "properties": {"path": {"type": "string"}}}),
    ToolSpec("read_file", "Reads.", {"type": "object", "properties": {}}),
)


def user(text: str, **more: Any) -> UserMessage:
    return UserMessage("u", NOW, text, **more)


def assistant(text: str, *calls: ToolCall, **more: Any) -> AssistantMessage:
    return AssistantMessage("a", NOW, text, calls=calls, **more)


def result(call_id: str, text: str, **more: Any) -> ToolMessage:
    return ToolMessage("t", NOW, call_id, "read_file", text, **more)


def call(call_id: str, arguments: str = '{"path": "a"}', extra: dict[str, Any] | None = None) -> ToolCall:
    return ToolCall(call_id, "read_file", arguments, extra or {})


def thought(text: str, signature: str = "") -> Reasoning:
    return Reasoning(text, signature)


def request(*messages: Any, system: str = "Be brief.", model: str = "m", prefix: int = 0, **settings: Any) -> Request:
    return Request(model, system, messages, TOOLS, ModelSettings(**settings), prefix)


LONG_TALK = (
    user("Hello", context="It is Sunday."),
    assistant("Hi."),
    user("Read both."),
    assistant("", call("c1"), call("c2"), reasoning=(thought("Two files.", "seal"),), model="p/m"),
    result("c1", "one"),
    result("c2", "no such file", ok=False),
    assistant("", model="p/m", stop="interrupted"),
    user("Again, with this.", images=(PICTURE,)),
    assistant("Yes.", call("c3", "{")),
    result("c3", "", images=(PICTURE,)),
    assistant("Done."),
    user("Thanks."),
)
"""Ends of requests lie after each user message and each run of results."""

REQUEST_ENDS = (1, 3, 6, 8, 10, 12)
