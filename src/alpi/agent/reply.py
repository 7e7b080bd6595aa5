"""One answer of a model while it arrives: deltas go on to the surface, the parts are kept for the transcript."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Protocol

from ..base.message import AssistantMessage, Reasoning, ToolCall, Usage
from ..providers.types import (
    CallDelta,
    CallDone,
    Failure,
    Finished,
    Preparing,
    ProviderEvent,
    ReasoningDelta,
    ReasoningDone,
    Retrying,
    TextDelta,
    UsageReport,
)
from . import events
from .context import text_tokens


class TextCalls(Protocol):
    """Finds tool calls in an answer's text while it streams (see providers/textcalls.py)."""

    def feed(self, text: str) -> list[str]: ...

    def finish(self) -> tuple[str, list[ToolCall]]: ...

    def abandon(self) -> str: ...


class Reply:
    """Gathers the events of one model call."""

    def __init__(self, emit: Callable[[events.Event], None]) -> None:
        self._emit = emit
        self._textcalls: TextCalls | None = None
        self._text: list[str] = []
        self._reasoning: list[Reasoning] = []
        self._calls: list[ToolCall] = []
        self.usage: Usage | None = None
        self.failure: Failure | None = None
        self.stop = ""
        self.model = ""
        self.arrived_tokens = 0

    def begin(self, model: str, textcalls: TextCalls | None) -> None:
        """A model is being asked; before that, another may have failed. ``textcalls``: ``None`` where text is never read as calls."""
        self.model = model
        self.usage = None
        self.arrived_tokens = 0
        self._textcalls = textcalls

    async def read(self, stream: AsyncIterator[ProviderEvent]) -> None:
        """Take in a stream to its end."""
        async for event in stream:
            self.take(event)
        self.settle()

    def take(self, event: ProviderEvent) -> None:
        """Take in one event."""
        if isinstance(event, TextDelta | ReasoningDelta):
            self.arrived_tokens += text_tokens(event.text)
        elif isinstance(event, CallDelta):
            self.arrived_tokens += text_tokens(event.arguments)
        if isinstance(event, TextDelta):
            for text in self._textcalls.feed(event.text) if self._textcalls else [event.text]:
                self._say(text)
        elif isinstance(event, ReasoningDelta):
            self._emit(events.Thinking(event.text))
        elif isinstance(event, ReasoningDone):
            self._reasoning.append(event.reasoning)
        elif isinstance(event, CallDone):
            self._calls.append(event.call)
        elif isinstance(event, UsageReport):
            self.usage = event.usage
        elif isinstance(event, Finished):
            self.stop = event.stop
        elif isinstance(event, Failure):
            self.failure = event
        elif isinstance(event, Retrying):
            self._emit(events.Retrying(event.failure.message, event.wait_seconds, event.next_model))
        elif isinstance(event, Preparing):
            self._emit(events.Preparing(event.what, event.share))

    def settle(self, broken: bool = False) -> None:
        """No more text will come: what was held back because it might have become a call is decided now. Broken off, it is text."""
        if self._textcalls is None:
            return
        reader, self._textcalls = self._textcalls, None
        if broken or self.failure is not None:
            self._say(reader.abandon())
            return
        rest, calls = reader.finish()
        self._say(rest)
        if not self._calls:
            self._calls = calls

    def _say(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._emit(events.Text(text))

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(self._calls)

    @property
    def arrived(self) -> bool:
        """Whether any piece of an answer came, thinking included."""
        return bool(self.arrived_tokens) or not self.empty

    @property
    def empty(self) -> bool:
        """Whether nothing came that is worth keeping."""
        return not (self._text or self._calls or self._reasoning)

    def message(self, id: str, time: datetime, stop: str = "") -> AssistantMessage:
        """The answer for the transcript. One that was cut off keeps its text but not its calls: they may be incomplete."""
        broken = bool(stop)
        return AssistantMessage(
            id,
            time,
            self.text,
            () if broken else self.calls,
            () if broken else tuple(self._reasoning),
            self.model,
            self.usage,
            stop or ("tools" if self._calls else self.stop),
        )
