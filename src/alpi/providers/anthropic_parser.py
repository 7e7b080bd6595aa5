"""Messages: the bytes of an answer, streamed or whole, as events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from ..base.message import Reasoning, ToolCall, Usage
from .failures import bad_answer, broken_stream, from_error
from .stream import StreamParser
from .types import (
    CallDelta,
    CallDone,
    Finished,
    ProviderEvent,
    ReasoningDelta,
    ReasoningDone,
    Stop,
    TextDelta,
    UsageReport,
)
from .wire import CallIds, Mender, Place, count_of, dict_of, dumps, is_whole_call, loads, text_of, whole_text

LAYOUT = "anthropic_layout"
"""Key in ToolCall.extra: the order of an answer's blocks where it is not thinking, text, calls. A list of ``"thinking"``,
``"call"`` and lengths of text in characters."""

_STOPS: Mapping[str, Stop] = MappingProxyType(
    {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "refusal"}
)
# All others end a turn: end_turn, stop_sequence, tool_use, and pause_turn, which only tools run by the provider cause.


@dataclass(slots=True)
class _Block:
    """A content block while it is being written."""

    kind: str
    order: int = 0
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    mender: Mender = field(default_factory=Mender)
    signature: str = ""
    data: str = ""
    given: str = ""

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class AnthropicParser(StreamParser):
    """One answer of a messages server. See ``wire.Parser``.

    Args:
        place: who is asked; for the words of failures.
        new_id: names calls that come without an id.
    """

    def __init__(self, place: Place, new_id: Callable[[], str]) -> None:
        super().__init__(place)
        self._ids = CallIds(new_id)
        self._open: dict[int, _Block] = {}
        self._layout: list[str | int] = []
        self._calls: list[ToolCall] = []
        self._started_calls = 0
        self._counts: dict[str, int] = {}
        self._usage: Usage | None = None
        self._stop = ""
        self._begun = False

    def whole(self, body: bytes) -> list[ProviderEvent]:
        try:
            answer = loads(body)
        except ValueError:
            return self._fail(bad_answer(self._place, "something that is not JSON", body))
        message = dict_of(answer)
        if message.get("type") == "error" or message.get("error"):
            return self._fail(from_error(self._place, message.get("error"), midway=False))
        if not isinstance(message.get("content"), list):
            return self._fail(bad_answer(self._place, "JSON that is no answer", body))
        out = self._count(message.get("usage"))
        for index, block in enumerate(map(dict_of, message["content"])):
            out += self._block_start(index, block)
            out += self._block_stop(index)
        self._stop = text_of(message.get("stop_reason"))
        return out + self._end()

    # -- the stream's events ---------------------------------------------------------------------------------------

    def _event(self, kind: str, data: str) -> list[ProviderEvent]:
        if not data.strip():
            return []
        try:
            event = loads(data)
        except ValueError:
            return self._fail(bad_answer(self._place, "something that is not JSON", data))
        if not isinstance(event, dict):
            return []
        kind = text_of(event.get("type")) or kind
        index = event.get("index")
        index = index if isinstance(index, int) else 0
        if kind == "error":
            return self._fail(from_error(self._place, event.get("error") or event))
        if kind == "message_start":
            self._begun = True
            return self._count(dict_of(event.get("message")).get("usage"))
        if kind == "content_block_start":
            return self._block_start(index, dict_of(event.get("content_block")))
        if kind == "content_block_delta":
            return self._block_delta(index, dict_of(event.get("delta")))
        if kind == "content_block_stop":
            return self._block_stop(index)
        if kind == "message_delta":
            self._stop = text_of(dict_of(event.get("delta")).get("stop_reason")) or self._stop
            self.answered = self.answered or bool(self._stop)
            return self._count(event.get("usage"))
        if kind == "message_stop":
            if not self._begun:
                return self._fail(broken_stream(self._place, "the stream ended without an answer"))
            return self._end()
        return []  # ping, and kinds that are yet to come: the API reserves them

    def _count(self, usage: Any) -> list[ProviderEvent]:
        """Take a usage object. Its counts are totals so far; a later event leaves out what has not changed."""
        usage = dict_of(usage)
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"):
            if usage.get(name) is not None:
                self._counts[name] = count_of(usage[name])
        details = dict_of(usage.get("output_tokens_details"))
        if "thinking_tokens" in details:
            self._counts["thinking"] = count_of(details["thinking_tokens"])
        counts = self._counts
        cached, written = counts.get("cache_read_input_tokens", 0), counts.get("cache_creation_input_tokens", 0)
        found = Usage(
            # input_tokens is only what came after the last cache breakpoint.
            input=counts.get("input_tokens", 0) + cached + written,
            cached=cached,
            cache_write=written,
            output=counts.get("output_tokens", 0),
            reasoning=counts.get("thinking", 0),
        )
        if not usage or found == self._usage:
            return []
        self._usage = found
        return [UsageReport(found)]

    # -- content blocks --------------------------------------------------------------------------------------------

    def _block_start(self, index: int, start: dict[str, Any]) -> list[ProviderEvent]:
        block = _Block(text_of(start.get("type")))
        self._open[index] = block
        if block.kind == "tool_use":
            block.order = self._started_calls
            self._started_calls += 1
            block.id, block.name = whole_text(text_of(start.get("id"))), whole_text(text_of(start.get("name")))
            given = start.get("input")
            # The input streams in as text; only whole answers and a few other servers give it here.
            block.given = dumps(given).decode() if isinstance(given, dict) and given else ""
            return [CallDelta(block.order, block.name, "")] if block.name else []
        if block.kind == "redacted_thinking":
            block.data = text_of(start.get("data"))
        block.signature = text_of(start.get("signature"))
        return self._piece(block, text_of(start.get("thinking" if block.kind == "thinking" else "text")))

    def _block_delta(self, index: int, delta: dict[str, Any]) -> list[ProviderEvent]:
        block = self._open.get(index)
        if block is None:
            return []
        kind = delta.get("type")
        if kind == "signature_delta" and block.kind == "thinking":
            block.signature = text_of(delta.get("signature"))
            return []
        name = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}.get(
            text_of(kind)
        )
        fits = {"text": "text", "thinking": "thinking", "tool_use": "partial_json"}.get(block.kind)
        return self._piece(block, text_of(delta.get(name))) if name and name == fits else []

    def _piece(self, block: _Block, piece: str) -> list[ProviderEvent]:
        piece = block.mender.push(piece)
        if not piece:
            return []
        block.pieces.append(piece)
        if block.kind == "text":
            return [TextDelta(piece)]
        if block.kind == "thinking":
            return [ReasoningDelta(piece)]
        return [CallDelta(block.order, block.name, piece)] if block.kind == "tool_use" and block.name else []

    def _block_stop(self, index: int) -> list[ProviderEvent]:
        block = self._open.pop(index, None)
        if block is None:
            return []
        out = self._piece_rest(block)
        if block.kind == "text" and block.pieces:
            self._layout.append(len(block.text))
        elif block.kind in ("thinking", "redacted_thinking"):
            self._layout.append("thinking")
            text = block.text if block.kind == "thinking" else ""
            out.append(ReasoningDone(Reasoning(text, block.signature, block.data)))
        elif block.kind == "tool_use" and block.name:
            self._layout.append("call")
            self._calls.append(ToolCall(self._ids.settle(block.id), block.name, block.text or block.given))
        return out

    def _piece_rest(self, block: _Block) -> list[ProviderEvent]:
        rest = block.mender.rest()
        if not rest:
            return []
        block.pieces.append(rest)
        return [TextDelta(rest)] if block.kind == "text" else []

    # -- the end ---------------------------------------------------------------------------------------------------

    def _end(self) -> list[ProviderEvent]:
        out: list[ProviderEvent] = []
        stop = _STOPS.get(self._stop, "end")
        cut_off = stop != "end"
        for index in sorted(self._open):
            out += self._block_stop(index)
        self.done = True
        # The limit cut a call off: half of one must not look like a call with few arguments.
        calls = [call for call in self._calls if not cut_off or is_whole_call(call)]
        if calls and "thinking" in self._layout and self._layout != sorted(self._layout, key=_usual_place):
            calls[0].extra[LAYOUT] = list(self._layout)
        out += [CallDone(call if call.arguments else replace(call, arguments="{}")) for call in calls]
        out.append(Finished("tools" if calls and stop == "end" else stop))
        return out


def _usual_place(step: str | int) -> int:
    return {"thinking": 0, "call": 2}.get(step, 1) if isinstance(step, str) else 1
