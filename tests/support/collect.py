"""Gathers a provider's events into what they add up to, for comparisons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from alpi.base.message import Reasoning, ToolCall, Usage
from alpi.providers.types import (
    CallDelta,
    CallDone,
    Failure,
    Finished,
    ProviderEvent,
    ReasoningDelta,
    ReasoningDone,
    Retrying,
    TextDelta,
    UsageReport,
)


@dataclass
class Answer:
    """The sum of a stream. ``ends`` holds every ``Finished`` and ``Failure``; a proper stream has exactly one, last."""

    text: str = ""
    thinking: str = ""
    reasoning: list[Reasoning] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    written: dict[int, tuple[str, str]] = field(default_factory=dict)
    usage: Usage | None = None
    retries: list[Retrying] = field(default_factory=list)
    ends: list[Finished | Failure] = field(default_factory=list)
    last_is_end: bool = False

    @property
    def stop(self) -> str:
        return self.ends[0].stop if self.ends and isinstance(self.ends[0], Finished) else ""

    @property
    def failure(self) -> Failure:
        assert len(self.ends) == 1, self.ends
        assert isinstance(self.ends[0], Failure), self.ends
        return self.ends[0]


def collect(events: Iterable[ProviderEvent]) -> Answer:
    """Add events up."""
    answer = Answer()
    for event in events:
        answer.last_is_end = False
        if isinstance(event, TextDelta):
            answer.text += event.text
        elif isinstance(event, ReasoningDelta):
            answer.thinking += event.text
        elif isinstance(event, ReasoningDone):
            answer.reasoning.append(event.reasoning)
        elif isinstance(event, CallDelta):
            name, arguments = answer.written.get(event.index, ("", ""))
            answer.written[event.index] = (event.name or name, arguments + event.arguments)
        elif isinstance(event, CallDone):
            answer.calls.append(event.call)
        elif isinstance(event, UsageReport):
            answer.usage = event.usage
        elif isinstance(event, Retrying):
            answer.retries.append(event)
        elif isinstance(event, Finished | Failure):
            answer.ends.append(event)
            answer.last_is_end = True
    return answer
