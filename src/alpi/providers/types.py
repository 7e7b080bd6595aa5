"""What goes into a provider and what comes out: Request, ModelSettings and the stream's events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from ..base.message import Message, Reasoning, ToolCall, Usage


class ToolSpec(Struct, frozen=True):
    """A tool as a model is told of it. ``parameters`` is a JSON Schema object."""

    name: str
    description: str
    parameters: dict[str, Any]


class ModelSettings(Struct, frozen=True):
    """How one model wants to be asked. From the catalog, with the person's ``models:`` entry on top.

    ``tools``: the names offered, in this order; ``None`` offers all. ``examples``: the name of a set of example exchanges
    placed before the conversation (small models need to see the loop closed once), or ``""``.
    ``thinking_tokens``: budget for an Anthropic model's extended thinking, 0 for none. ``text_calls``: read calls
    that the model prints as text. ``context_window`` and ``max_output_tokens``: tokens, 0 where unknown.
    """

    tools: tuple[str, ...] | None = None
    examples: str = ""
    instructions: str = ""
    temperature: float | None = None
    max_output_tokens: int = 0
    context_window: int = 0
    thinking_tokens: int = 0
    reasoning_effort: str = ""
    vision: bool = False
    text_calls: bool = True


class Request(Struct, frozen=True):
    """One model call. ``messages`` starts with the examples, if any; ``prefix`` counts how many of them never change
    (the examples), so that a provider may cache up to there. ``model`` is the provider's own name for the model.

    ``calls_allowed`` false asks the wire for an answer without tool calls (``tool_choice`` none; the tools stay in the request, so
    that its prefix stays the same). ``closing`` is a last instruction, sent after the newest message and stored nowhere."""

    model: str
    system: str
    messages: Sequence[Message]
    tools: tuple[ToolSpec, ...] = ()
    settings: ModelSettings = field(default_factory=ModelSettings)
    prefix: int = 0
    calls_allowed: bool = True
    closing: str = ""


class TextDelta(Struct, frozen=True):
    """A piece of the answer."""

    text: str


class ReasoningDelta(Struct, frozen=True):
    """A piece of the model's thinking, for display only."""

    text: str


class ReasoningDone(Struct, frozen=True):
    """A finished stretch of thinking with its seals, to be kept in the transcript."""

    reasoning: Reasoning


class CallDelta(Struct, frozen=True):
    """A tool call is being written: its name is known, ``arguments`` is the next piece of its JSON. For display only."""

    index: int
    name: str
    arguments: str


class CallDone(Struct, frozen=True):
    """A whole tool call."""

    call: ToolCall


class UsageReport(Struct, frozen=True):
    """The provider's count of tokens for this call so far; the last one holds."""

    usage: Usage


Stop = Literal["end", "tools", "length", "refusal"]


class Finished(Struct, frozen=True):
    """The stream came to its proper end."""

    stop: Stop


FailureKind = Literal[
    "auth", "not_found", "rate_limit", "overloaded", "server", "bad_request", "too_long", "unreachable", "timeout", "broken_stream",
    "bad_answer", "no_key",
]  # fmt: skip


class Failure(Struct, frozen=True):
    """The call failed. Never raised through the loop: it is an event like any other.

    ``message`` says which provider and what; ``hint`` what to do. ``retry_after`` is the provider's own wish in seconds, or
    ``None``. ``retryable``: trying the same request again may help. ``detail``: the provider's words, redacted and cut.
    """

    provider: str
    model: str
    kind: FailureKind
    message: str
    hint: str
    status: int = 0
    retry_after: float | None = None
    retryable: bool = False
    detail: str = ""


class Retrying(Struct, frozen=True):
    """A failure that is being tried again (``next_model`` empty) or handed to the next model of the fallback chain."""

    failure: Failure
    attempt: int
    wait_seconds: float
    next_model: str = ""


class Preparing(Struct, frozen=True):
    """A local model is being made ready; ``share`` is 0..1 where known."""

    what: str
    share: float | None = None


ProviderEvent = (
    TextDelta
    | ReasoningDelta
    | ReasoningDone
    | CallDelta
    | CallDone
    | UsageReport
    | Finished
    | Failure
    | Retrying
    | Preparing
)


class TimeLimits(Struct, frozen=True):
    """Seconds: until the first byte of an answer, between two bytes, and for the whole request."""

    first_byte: float = 120.0
    silence: float = 90.0
    whole: float = 900.0


class Provider(Protocol):
    """A place where models run. Implementations hold their connection and must be closed."""

    name: str

    def stream(self, request: Request) -> AsyncIterator[ProviderEvent]:
        """Answer one request. Ends with exactly one ``Finished`` or ``Failure``; raises nothing but cancellation."""
        ...

    async def models(self) -> list[str]:
        """The names of the models on offer.

        Raises:
            ProviderError: they could not be read.
        """
        ...

    async def prepare(self, request: Request) -> None:
        """Make ready for requests that start like this one (a local model loads here); a no-op for most."""
        ...

    async def aclose(self) -> None:
        """Free connections and child processes."""
        ...
