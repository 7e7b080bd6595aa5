"""Chat completions: the bytes of an answer, streamed or whole, as events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ..base.message import Reasoning, ToolCall, Usage
from .failures import bad_answer, broken_stream, from_error
from .stream import StreamParser
from .types import (
    CallDelta,
    CallDone,
    Failure,
    Finished,
    ProviderEvent,
    ReasoningDelta,
    ReasoningDone,
    Stop,
    TextDelta,
    UsageReport,
)
from .wire import (
    CallIds,
    Mender,
    Place,
    clean,
    count_of,
    dict_of,
    dumps,
    is_whole_call,
    list_of,
    loads,
    text_of,
    whole_text,
)

_STOPS: Mapping[str, Stop] = MappingProxyType(
    {
        "length": "length",
        "max_tokens": "length",
        "model_length": "length",  # Mistral
        "content_filter": "refusal",
        "refusal": "refusal",
        "safety": "refusal",
    }
)


@dataclass(slots=True)
class _Call:
    """A call while it is being written. ``order`` counts calls as they appear; ``shown`` is what CallDelta has named."""

    order: int
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    mender: Mender = field(default_factory=Mender)
    extra: dict[str, Any] = field(default_factory=dict)
    shown: bool = False

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class OpenAIParser(StreamParser):
    """One answer of a chat completions server. See ``wire.Parser``.

    Args:
        place: who is asked; for the words of failures.
        new_id: names calls that come without an id, or with one that another call of this answer has.
    """

    def __init__(self, place: Place, new_id: Callable[[], str]) -> None:
        super().__init__(place, marks=("[DONE]",))
        self._ids = CallIds(new_id)
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._text = Mender()
        self._thinking: list[str] = []
        self._thought = Mender()
        self._details: list[dict[str, Any]] = []
        self._usage: Usage | None = None
        self._finish = ""
        self._refused = False
        self._said_something = False

    def whole(self, body: bytes) -> list[ProviderEvent]:
        try:
            answer = loads(body)
        except ValueError:
            return self._fail(bad_answer(self._place, "something that is not JSON", body))
        if isinstance(answer, list) and answer:
            answer = answer[0]
        chunk = dict_of(answer)
        if chunk.get("error"):
            return self._fail(from_error(self._place, chunk["error"], midway=False))
        choices = [
            {**choice, "delta": dict_of(choice.get("message"))}
            for choice in map(dict_of, list_of(chunk.get("choices")))
        ]
        out = self._chunk({**chunk, "choices": choices})
        if self.done:
            return out
        if not choices:
            return out + self._fail(bad_answer(self._place, "JSON that is no answer", body))
        return out + self._end()

    # -- the stream's events ---------------------------------------------------------------------------------------

    def _event(self, kind: str, data: str) -> list[ProviderEvent]:
        data = data.strip()
        if not data:
            return []
        if data.startswith("[DONE]"):
            if self.answered or self._said_something:
                return self._end()
            return self._fail(broken_stream(self._place, "the stream ended without an answer"))
        try:
            chunk = loads(data)
        except ValueError:
            return self._fail(bad_answer(self._place, "something that is not JSON", data))
        if kind == "error" and not (isinstance(chunk, dict) and chunk.get("error")):
            return self._fail(from_error(self._place, chunk))
        return self._chunk(chunk) if isinstance(chunk, dict) else []

    def _chunk(self, chunk: dict[str, Any]) -> list[ProviderEvent]:
        if chunk.get("error"):
            return self._fail(from_error(self._place, chunk["error"]))
        out: list[ProviderEvent] = []
        # Groq reports usage in a field of its own.
        usage = chunk.get("usage") or dict_of(chunk.get("x_groq")).get("usage")
        if isinstance(usage, dict) and (found := read_usage(usage)) != self._usage:
            self._usage = found
            out.append(UsageReport(found))
        for choice in map(dict_of, list_of(chunk.get("choices"))):
            if choice.get("index") in (0, None):
                out += self._choice(choice)
                if self.done:
                    break
        return out

    def _choice(self, choice: dict[str, Any]) -> list[ProviderEvent]:
        delta = dict_of(choice.get("delta"))
        out: list[ProviderEvent] = []
        # Servers name it one way or the other; some send both with the same words.
        thought = text_of(delta.get("reasoning_content")) or text_of(delta.get("reasoning"))
        self._add_details(list_of(delta.get("reasoning_details")))
        out += self._think(thought)
        content = delta.get("content")
        out += self._content(content) if isinstance(content, list) else self._say(text_of(content))
        if refusal := text_of(delta.get("refusal")):
            self._refused = True
            out += self._say(refusal)
        for item in list_of(delta.get("tool_calls")):
            if isinstance(item, dict):
                out += self._call(item)
        finish = text_of(choice.get("finish_reason"))
        if finish:
            self._finish = finish
            self.answered = True
            if (failure := self._failed_finish(finish, choice)) is not None:
                out += self._fail(failure)
        return out

    def _failed_finish(self, finish: str, choice: dict[str, Any]) -> Failure | None:
        """Finish reasons that are failures: OpenRouter's, DeepSeek's, Gemini's."""
        word = finish.lower()
        if word == "error":
            return from_error(self._place, choice.get("error") or {"message": "the model's provider failed"})
        if word == "insufficient_system_resource":
            return from_error(self._place, {"type": "overloaded", "message": finish})
        if "malformed" in word:
            return bad_answer(self._place, "a tool call that it could not write down properly", finish)
        return None

    # -- text and thinking -----------------------------------------------------------------------------------------

    def _say(self, text: str) -> list[ProviderEvent]:
        text = self._text.push(text) if text else ""
        if not text:
            return []
        self._said_something = True
        return [TextDelta(text)]

    def _think(self, text: str) -> list[ProviderEvent]:
        text = self._thought.push(text) if text else ""
        if not text:
            return []
        self._said_something = True
        self._thinking.append(text)
        return [ReasoningDelta(text)]

    def _content(self, parts: list[Any]) -> list[ProviderEvent]:
        """Content as a list of parts: Mistral's thinking models."""
        out: list[ProviderEvent] = []
        for part in map(dict_of, parts):
            thinking = part.get("thinking")
            if isinstance(thinking, list):
                out += self._think("".join(text_of(dict_of(piece).get("text")) for piece in thinking))
            else:
                out += self._think(text_of(thinking))
            out += self._say(text_of(part.get("text")))
        return out

    def _add_details(self, items: list[Any]) -> None:
        """Gather OpenRouter's reasoning_details: pieces of one entry share its type and index."""
        for item in items:
            if not isinstance(item, dict):
                continue
            last = self._details[-1] if self._details else {}
            if not last or (last.get("type"), last.get("index")) != (item.get("type"), item.get("index")):
                self._details.append(dict(item))
                continue
            for name, value in item.items():
                if name in ("text", "summary", "data") and isinstance(value, str):
                    last[name] = text_of(last.get(name)) + value
                elif value is not None:
                    last[name] = value

    # -- tool calls ------------------------------------------------------------------------------------------------

    def _call(self, item: dict[str, Any]) -> list[ProviderEvent]:
        function = dict_of(item.get("function"))
        given_id, name = whole_text(text_of(item.get("id"))), whole_text(text_of(function.get("name")))
        raw = function.get("arguments")
        arguments = dumps(raw).decode() if isinstance(raw, dict) else text_of(raw)
        call = self._which(item.get("index"), given_id, name)
        self._said_something = True
        call.id = call.id or given_id
        if name and (not call.name or (name != call.name and not call.pieces)):
            call.name += name
        if isinstance(item.get("extra_content"), dict):
            call.extra["extra_content"] = clean(item["extra_content"])
        piece = call.mender.push(arguments)
        if piece:
            call.pieces.append(piece)
        if not call.name or (call.shown and not piece):
            return []
        shown = piece if call.shown else call.arguments
        call.shown = True
        return [CallDelta(call.order, call.name, shown)]

    def _which(self, index: Any, given_id: str, name: str) -> _Call:
        """The call that a piece belongs to.

        The protocol keys pieces by ``index``. Some servers leave it out, and some give every parallel call the same one: then
        a new id together with a name begins a new call.
        """
        if isinstance(index, int):
            call = self._by_index.get(index)
            if call is not None and not (name and given_id and call.id and call.id != given_id and call.name):
                return call
            call = self._new_call()
            self._by_index[index] = call
            return call
        if given_id:
            known = next((call for call in self._calls if call.id == given_id), None)
            return known or self._new_call()
        last = self._calls[-1] if self._calls else None
        if last is None:
            return self._new_call()
        whole = last.pieces and is_whole_call(ToolCall("", "", last.arguments))
        return self._new_call() if name and (whole or name != last.name) else last

    def _new_call(self) -> _Call:
        call = _Call(order=len(self._calls))
        self._calls.append(call)
        return call

    # -- the end ---------------------------------------------------------------------------------------------------

    def _end(self) -> list[ProviderEvent]:
        self.done = True
        out: list[ProviderEvent] = []
        if rest := self._text.rest():
            out.append(TextDelta(rest))
        if thinking := "".join(self._thinking) + self._thought.rest():
            out.append(ReasoningDone(Reasoning(thinking)))
        stop: Stop = "refusal" if self._refused else _STOPS.get(self._finish.lower(), "end")
        calls = self._whole_calls(cut_off=stop in ("length", "refusal"))
        out += [CallDone(call) for call in calls]
        out.append(Finished("tools" if calls and stop == "end" else stop))
        return out

    def _whole_calls(self, cut_off: bool) -> list[ToolCall]:
        calls = []
        for found in self._calls:
            arguments = found.arguments + found.mender.rest()
            call = ToolCall(found.id, found.name, arguments, found.extra)
            if not found.name or (cut_off and not is_whole_call(call)):
                continue  # the limit cut it off: half a call must not look like a call with few arguments
            call = ToolCall(self._ids.settle(found.id), found.name, arguments, found.extra)
            calls.append(call)
        if calls and self._details:
            calls[0].extra["reasoning_details"] = clean(self._details)
        return calls


def read_usage(usage: dict[str, Any]) -> Usage:
    """The counts of a chat completion's ``usage`` object, whichever server wrote it."""
    prompt, completion = count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens"))
    prompt_details = dict_of(usage.get("prompt_tokens_details"))
    reasoning = count_of(dict_of(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    cached = (
        count_of(prompt_details.get("cached_tokens"))
        or count_of(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
        or count_of(usage.get("cached_tokens"))  # Moonshot
    )
    # Gemini and xAI leave thinking out of completion_tokens, though not out of the total.
    hidden = max(0, count_of(usage.get("total_tokens")) - prompt - completion)
    return Usage(
        input=prompt,
        cached=min(cached, prompt),
        cache_write=count_of(prompt_details.get("cache_write_tokens")),
        output=completion + hidden,
        reasoning=max(reasoning, hidden),
    )
