"""A scripted model's replies, and how each wire would write them as bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Wire = Literal["openai", "anthropic"]


@dataclass
class Recorded:
    """One request as it arrived: ``body`` is the parsed JSON (``None`` where there is none), ``raw`` its bytes."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    body: Any
    wire: Wire
    time: float
    disconnected: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": self.body,
            "raw": self.raw.decode("utf-8", "replace"),
            "wire": self.wire,
            "time": self.time,
        }


@dataclass
class Reply:
    """What the model says to one call, and what goes wrong on the way.

    Content
        ``text``: a string, or a list of strings sent as separate chunks. ``reasoning``: likewise. ``signature``,
        ``redacted``: Anthropic seals. ``tool_calls``: dicts of ``name``, ``arguments`` (object, or a raw string sent as it
        stands), optional ``id`` and ``extra_content``. ``usage``: ``input`` (whole prompt), ``cached``, ``cache_write``,
        ``output``, ``reasoning``; left out, it is estimated; ``false`` sends none. ``stop``: ``end``, ``tools``, ``length``,
        ``refusal`` or a wire's own word; left out, it follows from the content. ``reasoning_field``: ``reasoning_content``
        or ``reasoning`` (chat completions only). ``chunk_size``: characters per chunk for plain strings, 0 for one.

    Time, in seconds
        ``delay``: before the status line. ``body_delay``: after the headers. ``chunk_delay``: between chunks.
        ``silence_after``: after that many chunks nothing comes any more; -1 never. ``hang``: nothing at all is ever sent.

    Faults
        ``status`` with ``headers`` and ``body`` (an object is sent as JSON, a string as it stands with ``content_type``).
        ``raw`` / ``raw_base64``: the stream's body verbatim instead of content. ``cut_after``: the connection is closed
        after that many body bytes; -1 never. ``truncate``: the last N chunks are left out and the answer ends properly.
        ``garbage`` / ``garbage_base64``: bytes put in after the first chunk. ``ignore_stream``: a whole JSON answer even
        though a stream was asked for. ``bytes_per_write``: the body goes out in pieces of that size.

    Choosing
        ``match``: only for a call whose raw body contains this string (or, in-process, for which this callable is true).
        ``repeat``: used for every further call; only sensible for the last reply.
    """

    text: str | list[str] = ""
    reasoning: str | list[str] = ""
    signature: str = "sig-scripted"
    redacted: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, int] | bool | None = None
    stop: str = ""
    reasoning_field: str = "reasoning_content"
    chunk_size: int = 24

    delay: float = 0.0
    body_delay: float = 0.0
    chunk_delay: float = 0.0
    silence_after: int = -1
    hang: bool = False

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = ""
    raw: str | bytes | None = None
    raw_base64: str = ""
    cut_after: int = -1
    truncate: int = 0
    garbage: str | bytes = b""
    garbage_base64: str = ""
    ignore_stream: bool = False
    bytes_per_write: int = 0

    match: str | Callable[[Recorded], bool] | None = None
    repeat: bool = False

    def fits(self, request: Recorded) -> bool:
        if self.match is None:
            return True
        if callable(self.match):
            return self.match(request)
        return self.match in request.raw.decode("utf-8", "replace")


ReplyLike = Reply | str | Mapping[str, Any] | Callable[[Recorded], "Reply | str | Mapping[str, Any]"]


def as_reply(value: ReplyLike, request: Recorded | None = None) -> Reply:
    """A reply from what a script holds: a ``Reply``, a mapping of its fields, a plain text, or a callable giving one.

    Raises:
        ValueError: a mapping has a field that replies do not know.
    """
    if callable(value) and request is not None:
        value = value(request)
    if isinstance(value, Reply):
        return value
    if isinstance(value, str):
        return Reply(text=value)
    if isinstance(value, Mapping):
        unknown = set(value) - {f.name for f in fields(Reply)}
        if unknown:
            raise ValueError(f"a reply of the script has unknown fields: {', '.join(sorted(unknown))}")
        return Reply(**value)
    raise ValueError(f"a reply of the script is a {type(value).__name__}")


def _pieces(value: str | list[str], size: int) -> list[str]:
    if isinstance(value, list):
        return value
    if size <= 0:
        return [value] if value else []
    return [value[start : start + size] for start in range(0, len(value), size)]


def _joined(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _calls(reply: Reply, number: int, prefix: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(id, name, arguments as text, extra) of each tool call; ids that the script leaves out are counted."""
    found = []
    for place, call in enumerate(reply.tool_calls):
        arguments = call.get("arguments", {})
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        extra = {"extra_content": call["extra_content"]} if "extra_content" in call else {}
        found.append((call.get("id") or f"{prefix}{number}_{place}", call["name"], text, extra))
    return found


def usage_of(reply: Reply, request: Recorded) -> dict[str, int] | None:
    """The counts that this reply reports: the script's own, or four characters to a token."""
    if reply.usage is False:
        return None
    counts = {
        "input": len(request.raw) // 4,
        "cached": 0,
        "cache_write": 0,
        "reasoning": len(_joined(reply.reasoning)) // 4,
    }
    written = len(_joined(reply.text)) + len(_joined(reply.reasoning)) + sum(len(str(c)) for c in reply.tool_calls)
    counts["output"] = max(1, written // 4)
    if isinstance(reply.usage, Mapping):
        counts.update(reply.usage)
    return counts


# -- chat completions ------------------------------------------------------------------------------------------------

_OPENAI_STOPS = {"end": "stop", "tools": "tool_calls", "length": "length", "refusal": "content_filter"}


def _openai_usage(counts: dict[str, int]) -> dict[str, Any]:
    return {
        "prompt_tokens": counts["input"],
        "completion_tokens": counts["output"],
        "total_tokens": counts["input"] + counts["output"],
        "prompt_tokens_details": {"cached_tokens": counts["cached"]},
        "completion_tokens_details": {"reasoning_tokens": counts["reasoning"]},
    }


def _openai_stop(reply: Reply) -> str:
    stop = reply.stop or ("tools" if reply.tool_calls else "end")
    return _OPENAI_STOPS.get(stop, stop)


def openai_stream(reply: Reply, request: Recorded, number: int) -> list[bytes]:
    """The SSE events of a streamed chat completion, one per list item."""
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": _model(request)}

    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return _data({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    out = [event({"role": "assistant", "content": ""})]
    out += [event({reply.reasoning_field: part}) for part in _pieces(reply.reasoning, reply.chunk_size)]
    out += [event({"content": part}) for part in _pieces(reply.text, reply.chunk_size)]
    for place, (call_id, name, arguments, extra) in enumerate(_calls(reply, number, "call_")):
        first = {
            "index": place,
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": ""},
            **extra,
        }
        out.append(event({"tool_calls": [first]}))
        out += [
            event({"tool_calls": [{"index": place, "function": {"arguments": part}}]})
            for part in _pieces(arguments, reply.chunk_size)
        ]
    out.append(event({}, _openai_stop(reply)))
    counts = usage_of(reply, request)
    options = (request.body or {}).get("stream_options") or {}
    if counts is not None and options.get("include_usage"):
        out.append(_data({**head, "choices": [], "usage": _openai_usage(counts)}))
    out.append(b"data: [DONE]\n\n")
    return out


def openai_whole(reply: Reply, request: Recorded, number: int) -> dict[str, Any]:
    """The JSON object of a chat completion that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": _joined(reply.text) or None}
    if reply.reasoning:
        message[reply.reasoning_field] = _joined(reply.reasoning)
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **extra}
            for call_id, name, arguments, extra in _calls(reply, number, "call_")
        ]
    answer: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1,
        "model": _model(request),
        "choices": [{"index": 0, "message": message, "finish_reason": _openai_stop(reply)}],
    }
    counts = usage_of(reply, request)
    if counts is not None:
        answer["usage"] = _openai_usage(counts)
    return answer


# -- messages --------------------------------------------------------------------------------------------------------

_ANTHROPIC_STOPS = {"end": "end_turn", "tools": "tool_use", "length": "max_tokens", "refusal": "refusal"}


def _anthropic_usage(counts: dict[str, int]) -> dict[str, int]:
    return {
        "input_tokens": counts["input"] - counts["cached"] - counts["cache_write"],
        "cache_read_input_tokens": counts["cached"],
        "cache_creation_input_tokens": counts["cache_write"],
        "output_tokens": counts["output"],
    }


def _anthropic_stop(reply: Reply) -> str:
    stop = reply.stop or ("tools" if reply.tool_calls else "end")
    return _ANTHROPIC_STOPS.get(stop, stop)


def anthropic_stream(reply: Reply, request: Recorded, number: int) -> list[bytes]:
    """The SSE events of a streamed message, one per list item."""
    counts = usage_of(reply, request) or {"input": 0, "cached": 0, "cache_write": 0, "output": 0, "reasoning": 0}
    message: dict[str, Any] = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": _model(request),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_anthropic_usage(counts), "output_tokens": 1},
    }
    out = [_event("message_start", message=message), _event("ping")]
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if reply.reasoning:
        deltas = [{"type": "thinking_delta", "thinking": part} for part in _pieces(reply.reasoning, reply.chunk_size)]
        deltas.append({"type": "signature_delta", "signature": reply.signature})
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, deltas))
    if reply.redacted:
        blocks.append(({"type": "redacted_thinking", "data": reply.redacted}, []))
    if reply.text:
        deltas = [{"type": "text_delta", "text": part} for part in _pieces(reply.text, reply.chunk_size)]
        blocks.append(({"type": "text", "text": ""}, deltas))
    for call_id, name, arguments, _ in _calls(reply, number, "toolu_"):
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in _pieces(arguments, reply.chunk_size)]
        blocks.append(({"type": "tool_use", "id": call_id, "name": name, "input": {}}, deltas))
    for index, (block, deltas) in enumerate(blocks):
        out.append(_event("content_block_start", index=index, content_block=block))
        out += [_event("content_block_delta", index=index, delta=delta) for delta in deltas]
        out.append(_event("content_block_stop", index=index))
    out.append(
        _event(
            "message_delta",
            delta={"stop_reason": _anthropic_stop(reply), "stop_sequence": None},
            usage={"output_tokens": counts["output"]},
        )
    )
    out.append(_event("message_stop"))
    return out


def anthropic_whole(reply: Reply, request: Recorded, number: int) -> dict[str, Any]:
    """The JSON object of a message that is not streamed."""
    content: list[dict[str, Any]] = []
    if reply.reasoning:
        content.append({"type": "thinking", "thinking": _joined(reply.reasoning), "signature": reply.signature})
    if reply.redacted:
        content.append({"type": "redacted_thinking", "data": reply.redacted})
    if reply.text:
        content.append({"type": "text", "text": _joined(reply.text)})
    for call_id, name, arguments, _ in _calls(reply, number, "toolu_"):
        content.append({"type": "tool_use", "id": call_id, "name": name, "input": json.loads(arguments)})
    counts = usage_of(reply, request) or {"input": 0, "cached": 0, "cache_write": 0, "output": 0}
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": _model(request),
        "content": content,
        "stop_reason": _anthropic_stop(reply),
        "stop_sequence": None,
        "usage": _anthropic_usage(counts),
    }


# -- both ------------------------------------------------------------------------------------------------------------


def chunks_of(reply: Reply, request: Recorded, number: int) -> Sequence[bytes]:
    """The body of a streamed reply, faults of content included, one write per item."""
    raw = base64.b64decode(reply.raw_base64) if reply.raw_base64 else reply.raw
    if raw is not None:
        chunks = [raw.encode() if isinstance(raw, str) else raw]
    else:
        make = openai_stream if request.wire == "openai" else anthropic_stream
        chunks = make(reply, request, number)
    if reply.truncate:
        chunks = chunks[: -reply.truncate]
    garbage = base64.b64decode(reply.garbage_base64) if reply.garbage_base64 else reply.garbage
    if garbage:
        chunks.insert(1, garbage.encode() if isinstance(garbage, str) else garbage)
    if reply.bytes_per_write:
        body = b"".join(chunks)
        size = reply.bytes_per_write
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return chunks


def whole_of(reply: Reply, request: Recorded, number: int) -> dict[str, Any]:
    """The body of a reply that is not streamed."""
    make = openai_whole if request.wire == "openai" else anthropic_whole
    return make(reply, request, number)


def _model(request: Recorded) -> str:
    return str((request.body or {}).get("model", "scripted"))


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _event(kind: str, **rest: Any) -> bytes:
    return f"event: {kind}\n".encode() + _data({"type": kind, **rest})
