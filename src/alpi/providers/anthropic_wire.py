"""Messages, the wire of Anthropic: a request as bytes. The answers: anthropic_parser.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from ..base.message import AssistantMessage, Image, Message, Reasoning, ToolMessage, UserMessage
from .anthropic_parser import LAYOUT, AnthropicParser
from .types import Request
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

API_VERSION = "2023-06-01"
DEFAULT_MAX_TOKENS = 8192
"""``max_tokens`` is required; every model still served takes this much."""

_MIN_THINKING = 1024
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_VERSION = re.compile(r"(?<!\d)(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")


def encode(request: Request) -> dict[str, Any]:
    """The body of a request as JSON values.

    Cache breakpoints, of which the API takes four: the last tool (or, where there are examples, the last of them) and the
    system text, which sessions share; and two in the transcript, at its end and where the request before it ended. The
    first of the two writes the cache that the second will find in the next request, however many blocks a turn added; the
    API itself only looks back over 20.
    """
    settings = request.settings
    body: dict[str, Any] = {"model": request.model, "stream": True}
    thinking, budget = _thinking(request)
    limit = settings.max_output_tokens or DEFAULT_MAX_TOKENS
    # The budget counts towards max_tokens, and must leave room for the answer.
    body["max_tokens"] = limit if limit > budget else budget + limit
    body.update(thinking)
    if settings.temperature is not None and not thinking.get("thinking") and not _fixed_sampling(request.model):
        body["temperature"] = settings.temperature
    if request.tools:
        tools: list[dict[str, Any]] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
        if not request.prefix:
            tools[-1]["cache_control"] = _ephemeral()
        body["tools"] = tools
        if not request.calls_allowed:
            body["tool_choice"] = {"type": "none"}
    if request.system.strip():
        body["system"] = [{"type": "text", "text": request.system, "cache_control": _ephemeral()}]
    messages, fixed = _messages(request)
    _mark(messages, fixed)
    if request.closing and messages and messages[-1]["role"] == "user":
        messages[-1]["content"].append(_text(request.closing))  # behind the breakpoint: no later request has it
    body["messages"] = messages
    return body


def _thinking(request: Request) -> tuple[dict[str, Any], int]:
    """(parameters, tokens of them that are a fixed budget)."""
    settings = request.settings
    found: dict[str, Any] = {}
    if settings.reasoning_effort:
        found["output_config"] = {"effort": settings.reasoning_effort}
    if not settings.thinking_tokens:
        return found, 0
    if _adaptive(request.model):
        # These models choose how much to think and hide it unless asked.
        found["thinking"] = {"type": "adaptive", "display": "summarized"}
        return found, 0
    if _thinking_is_missing(request):
        return found, 0
    budget = max(_MIN_THINKING, settings.thinking_tokens)
    found["thinking"] = {"type": "enabled", "budget_tokens": budget}
    return found, budget


def _thinking_is_missing(request: Request) -> bool:
    """Whether the turn under way has calls without sealed thinking before them: another model began it.

    With a budget, the API refuses to go on thinking in such a turn; the next turn may think again.
    """
    for message in reversed(request.messages):
        if isinstance(message, UserMessage):
            return False
        if isinstance(message, AssistantMessage) and message.calls and not _seals(message, request):
            return True
    return False


def _seals(message: AssistantMessage, request: Request) -> list[Reasoning]:
    """The thinking of a message that the model asked now can take back."""
    return (
        [part for part in message.reasoning if part.signature or part.redacted] if same_model(message, request) else []
    )


def _version(model: str) -> tuple[int, int] | None:
    """(major, minor) in a Claude model's name, dates aside; ``None`` where it has none."""
    match = _VERSION.search(model)
    return (int(match[1]), int(match[2] or 0)) if match else None


def _adaptive(model: str) -> bool:
    """Claude from 4.6 on; budgets are refused from 4.7 on (docs: "Adaptive thinking")."""
    return "claude" in model and (_version(model) or (99, 0)) >= (4, 6)


def _fixed_sampling(model: str) -> bool:
    """Claude from 4.7 on refuses a temperature on every request (docs: "Thinking")."""
    return "claude" in model and (_version(model) or (99, 0)) >= (4, 7)


def _messages(request: Request) -> tuple[list[dict[str, Any]], int]:
    """(messages, how many of them are the examples)."""
    found: list[dict[str, Any]] = []
    results: list[dict[str, Any]] | None = None
    fixed = 0
    for place, message in enumerate(request.messages):
        if place == request.prefix:
            fixed = len(found)
        if isinstance(message, ToolMessage):
            # The results of one step's calls must stand together in the one message after them.
            if results is None:
                results = []
                found.append({"role": "user", "content": results})
            results.append(_result(message, request.settings.vision))
            continue
        results = None
        found.append(_message(message, request))
    return found, fixed


def _message(message: Message, request: Request) -> dict[str, Any]:
    if isinstance(message, AssistantMessage):
        return {"role": "assistant", "content": _assistant(message, request)}
    assert isinstance(message, UserMessage)
    blocks = _with_images(user_text(message), message.images, request.settings.vision)
    return {"role": "user", "content": blocks or [_text("(empty)")]}


def _with_images(text: str, images: tuple[Image, ...], vision: bool) -> list[dict[str, Any]]:
    blocks = [_text(text)] if text.strip() else []
    if images and not vision:
        return [*blocks, _text(left_out([image.name for image in images]))]
    for image in images:
        source = {"type": "base64", "media_type": image.media_type, "data": image.data}
        blocks.append({"type": "image", "source": source})
    return blocks


def _result(message: ToolMessage, vision: bool) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": fitting_id(message.call_id, _CALL_ID, 24)}
    blocks = _with_images(message.text, message.images, vision)
    if blocks:
        block["content"] = blocks
    if not message.ok:
        block["is_error"] = True
    return block


def _assistant(message: AssistantMessage, request: Request) -> list[dict[str, Any]]:
    # Thinking goes back where the API checks it, in turns that use tools; elsewhere it only costs.
    thinking = [_thought(part) for part in _seals(message, request)] if message.calls else []
    calls = [
        {
            "type": "tool_use",
            "id": fitting_id(call.id, _CALL_ID, 24),
            "name": call.name,
            "input": msgspec.Raw(as_object(call.arguments).encode()),
        }
        for call in message.calls
    ]
    layout = next((list_of(call.extra.get(LAYOUT)) for call in message.calls if LAYOUT in call.extra), [])
    if thinking and layout and (blocks := _laid_out(layout, message.text, thinking, calls)):
        return blocks
    text = [_text(message.text)] if message.text.strip() else []
    return [*thinking, *text, *calls] or [_text(NO_ANSWER)]


def _laid_out(
    layout: list[Any], text: str, thinking: list[dict[str, Any]], calls: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The blocks in the order in which the model wrote them; ``[]`` if the message no longer fits its layout."""
    rest, thoughts, uses = text, list(thinking), list(calls)
    blocks: list[dict[str, Any]] = []
    for step in layout:
        if step == "thinking" and thoughts:
            blocks.append(thoughts.pop(0))
        elif step == "call" and uses:
            blocks.append(uses.pop(0))
        elif isinstance(step, int) and len(rest) >= step > 0:
            if rest[:step].strip():
                blocks.append(_text(rest[:step]))
            rest = rest[step:]
        else:
            return []
    return [] if rest or thoughts or uses else blocks


def _ephemeral() -> dict[str, str]:
    """A cache breakpoint, for the usual five minutes."""
    return {"type": "ephemeral"}


def _thought(part: Reasoning) -> dict[str, Any]:
    if part.redacted:
        return {"type": "redacted_thinking", "data": part.redacted}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _mark(messages: list[dict[str, Any]], fixed: int) -> None:
    """Put the transcript's two moving breakpoints on the ends of what the user's side said, and one after the examples."""
    answers = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    ends = {len(messages) - 1}
    if answers:
        ends.add(answers[-1] - 1)
    ends = {place for place in ends if place >= 0 and messages[place]["role"] == "user"}
    if fixed:
        ends.add(fixed - 1)
    for place in ends:
        block = messages[place]["content"][-1]
        if block["type"] not in ("thinking", "redacted_thinking"):  # the API takes no breakpoint on these
            block["cache_control"] = _ephemeral()


@dataclass(frozen=True, slots=True)
class AnthropicWire:
    """The messages wire; ``base_url`` may or may not end in ``/v1``, as both are usual."""

    def chat_url(self, base_url: str) -> str:
        return f"{_root(base_url)}/v1/messages"

    def models_url(self, base_url: str, after: str = "") -> str:
        return f"{_root(base_url)}/v1/models?limit=1000{f'&after_id={after}' if after else ''}"

    def headers(self, api_key: str) -> dict[str, str]:
        key = {"x-api-key": api_key} if api_key else {}
        return {"anthropic-version": API_VERSION, **key}

    def encode(self, request: Request) -> bytes:
        return dumps(encode(request))

    def parser(self, place: Place, new_id: Callable[[], str]) -> AnthropicParser:
        return AnthropicParser(place, new_id)

    def model_names(self, page: Any) -> tuple[list[str], str]:
        """From ``{"data": [{"id": ...}], "has_more": ..., "last_id": ...}``."""
        page = dict_of(page)
        names = [text_of(dict_of(item).get("id")) for item in list_of(page.get("data"))]
        last = text_of(page.get("last_id")) if page.get("has_more") is True else ""
        return [name for name in names if name], last if re.fullmatch(r"[\w.:-]+", last) else ""


def _root(base_url: str) -> str:
    return base_url.rstrip("/").removesuffix("/v1")
