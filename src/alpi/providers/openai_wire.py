"""Chat completions, the wire of OpenAI and of most others: a request as bytes. The answers: openai_parser.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from ..base.message import AssistantMessage, Image, Message, ToolMessage, UserMessage
from .openai_parser import OpenAIParser
from .types import ModelSettings, Request
from .wire import (
    NO_ANSWER,
    Place,
    as_object,
    dict_of,
    dumps,
    fitting_id,
    left_out,
    list_of,
    same_model,
    text_of,
    user_text,
)

_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")
_LONG_ID = re.compile(r"[!-~]{1,40}")  # OpenAI refuses longer ones; vLLM makes them


class Quirks(msgspec.Struct, frozen=True):
    """Where servers of this wire differ.

    ``max_tokens``: the name of the limit on the answer. ``stream_options``: usage must be asked for with it; false where the
    server refuses it. ``effort``: how ``reasoning_effort`` is sent. ``reasoning``: the field in which an earlier message's
    thinking goes back, ``""`` for not at all; ``reasoning_always``: also with messages without calls, and empty where there
    was none (DeepSeek answers 400 if it is missing). ``short_ids``: call ids must be nine letters or digits (Mistral).
    ``sign_calls``: calls without Gemini's thought signature get the stand-in that Google documents for foreign history.
    """

    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_options: bool = True
    effort: Literal["reasoning_effort", "reasoning"] = "reasoning_effort"
    reasoning: Literal["", "reasoning", "reasoning_content"] = ""
    reasoning_always: bool = False
    short_ids: bool = False
    sign_calls: bool = False


def encode(request: Request, quirks: Quirks) -> dict[str, Any]:
    """The body of a request as JSON values.

    ``messages`` stands last, so that the bytes of a longer conversation begin with those of the shorter one.
    """
    body: dict[str, Any] = {"model": request.model, "stream": True}
    if quirks.stream_options:
        body["stream_options"] = {"include_usage": True}
    body.update(_parameters(request.settings, quirks))
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in request.tools
        ]
        if not request.calls_allowed:
            body["tool_choice"] = "none"
    messages: list[dict[str, Any]] = []
    if request.system:
        messages.append({"role": "system", "content": request.system})
    waiting: list[Image] = []  # pictures from tool results, which only a user message can carry
    for message in request.messages:
        if waiting and not isinstance(message, ToolMessage):
            messages.append(_pictures(waiting, request.settings.vision))
            waiting = []
        messages.append(_message(message, request, quirks))
        if isinstance(message, ToolMessage):
            waiting.extend(message.images)
    if waiting:
        messages.append(_pictures(waiting, request.settings.vision))
    if request.closing and messages:
        _close(messages[-1], request.closing)
    body["messages"] = messages
    return body


def _close(message: dict[str, Any], closing: str) -> None:
    """Add the last instruction to the newest message: as one of its own some servers refuse it behind a tool's result."""
    content = message["content"]
    if isinstance(content, list):
        content.append({"type": "text", "text": closing})
    else:
        message["content"] = f"{content}\n\n{closing}"


def _parameters(settings: ModelSettings, quirks: Quirks) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if settings.max_output_tokens:
        found[quirks.max_tokens] = settings.max_output_tokens
    if settings.temperature is not None:
        found["temperature"] = settings.temperature
    if settings.reasoning_effort:
        nested = quirks.effort == "reasoning"
        found[quirks.effort] = {"effort": settings.reasoning_effort} if nested else settings.reasoning_effort
    return found


def _message(message: Message, request: Request, quirks: Quirks) -> dict[str, Any]:
    if isinstance(message, UserMessage):
        return _user(message, request.settings.vision)
    if isinstance(message, AssistantMessage):
        return _assistant(message, request, quirks)
    return {"role": "tool", "tool_call_id": _call_id(message.call_id, quirks), "content": message.text}


def _user(message: UserMessage, vision: bool) -> dict[str, Any]:
    text = user_text(message)
    if not message.images:
        return {"role": "user", "content": text}
    if not vision:
        note = left_out([image.name for image in message.images])
        return {"role": "user", "content": f"{text}\n\n{note}" if text else note}
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return {"role": "user", "content": parts + [_image(image) for image in message.images]}


def _pictures(images: list[Image], vision: bool) -> dict[str, Any]:
    names = [image.name for image in images]
    if not vision:
        return {"role": "user", "content": left_out(names)}
    listed = ", ".join(name or "a picture" for name in names)
    text = {"type": "text", "text": f"(from the tool results above: {listed})"}
    return {"role": "user", "content": [text, *(_image(image) for image in images)]}


def _image(image: Image) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{image.data}"}}


def _assistant(message: AssistantMessage, request: Request, quirks: Quirks) -> dict[str, Any]:
    own = same_model(message, request)
    found: dict[str, Any] = {"role": "assistant", "content": message.text}
    if not message.text and not message.calls:
        found["content"] = NO_ANSWER
    if quirks.reasoning:
        found.update(_reasoning(message, own, quirks))
    if message.calls:
        found["tool_calls"] = _calls(message, own, quirks)
    return found


def _reasoning(message: AssistantMessage, own: bool, quirks: Quirks) -> dict[str, Any]:
    if not message.calls and not quirks.reasoning_always:
        return {}
    details = next(
        (call.extra["reasoning_details"] for call in message.calls if "reasoning_details" in call.extra), None
    )
    if own and details:
        return {"reasoning_details": details}
    text = "".join(part.text for part in message.reasoning) if own else ""
    return {quirks.reasoning: text} if text or quirks.reasoning_always else {}


def _calls(message: AssistantMessage, own: bool, quirks: Quirks) -> list[dict[str, Any]]:
    found = []
    signed = own and any("extra_content" in call.extra for call in message.calls)
    for place, call in enumerate(message.calls):
        item: dict[str, Any] = {
            "id": _call_id(call.id, quirks),
            "type": "function",
            "function": {"name": call.name, "arguments": as_object(call.arguments)},
        }
        if own and "extra_content" in call.extra:
            item["extra_content"] = call.extra["extra_content"]
        elif quirks.sign_calls and not signed and place == 0:
            # The stand-in of ai.google.dev, "Thought signatures"; of parallel calls only the first is signed.
            item["extra_content"] = {"google": {"thought_signature": "skip_thought_signature_validator"}}
        found.append(item)
    return found


def _call_id(call_id: str, quirks: Quirks) -> str:
    return fitting_id(call_id, _SHORT_ID, 9) if quirks.short_ids else fitting_id(call_id, _LONG_ID, 24)


class OpenAIWire(msgspec.Struct, frozen=True):
    """The chat completions wire; ``base_url`` ends where ``/chat/completions`` begins."""

    quirks: Quirks = msgspec.field(default_factory=Quirks)

    def chat_url(self, base_url: str) -> str:
        return f"{base_url.rstrip('/')}/chat/completions"

    def models_url(self, base_url: str, after: str = "") -> str:
        return f"{base_url.rstrip('/')}/models"

    def headers(self, api_key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {api_key}"} if api_key else {}

    def encode(self, request: Request) -> bytes:
        return dumps(encode(request, self.quirks))

    def parser(self, place: Place, new_id: Callable[[], str]) -> OpenAIParser:
        return OpenAIParser(place, new_id)

    def model_names(self, page: Any) -> tuple[list[str], str]:
        """From ``{"data": [{"id": ...}]}``; a bare array and Ollama's ``{"models": [{"name": ...}]}`` are read too."""
        listed = (
            page
            if isinstance(page, list)
            else list_of(dict_of(page).get("data")) or list_of(dict_of(page).get("models"))
        )
        names = [text_of(dict_of(item).get("id")) or text_of(dict_of(item).get("name")) for item in listed]
        # Gemini lists resource names; requests take them without the collection.
        return [name.removeprefix("models/") for name in names if name], ""
