"""The words of a conversation: what people, models and tools said. Sessions store these; providers translate them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, field


class Image(Struct, frozen=True, omit_defaults=True):
    """A picture handed to a model that can see.

    ``data`` is base64 without line breaks; ``media_type`` is ``image/png``, ``image/jpeg``, ``image/gif`` or
    ``image/webp``; ``name`` is what the person or the tool called it.
    """

    media_type: str
    data: str
    name: str = ""


class ToolCall(Struct, frozen=True, omit_defaults=True):
    """A model's request to run a tool.

    ``arguments`` is the JSON text exactly as the model wrote it: it is parsed once, by dispatch, so that a wrong one can
    be shown to the model as it stands. ``extra`` holds fields of the wire which the provider wants back verbatim
    (for example Gemini's thought signature).
    """

    id: str
    name: str
    arguments: str
    extra: dict[str, Any] = field(default_factory=dict)


class Reasoning(Struct, frozen=True, omit_defaults=True):
    """A stretch of a model's thinking. ``signature`` and ``redacted`` are the provider's own seals, returned verbatim."""

    text: str = ""
    signature: str = ""
    redacted: str = ""


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one model call, as the provider counted them.

    ``input`` is the whole prompt and includes ``cached`` (read from the provider's cache) and ``cache_write``;
    ``output`` includes ``reasoning``.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.cache_write + other.cache_write,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )


class UserMessage(Struct, frozen=True, omit_defaults=True, tag_field="role", tag="user"):
    """What somebody asked.

    ``context`` is what changes from turn to turn (date, hints). It is stored with the message and sent after its text, so
    that a later request repeats these bytes exactly and the provider's prompt cache still hits.
    """

    id: str
    time: datetime
    text: str
    context: str = ""
    surface: str = ""
    images: tuple[Image, ...] = ()


class AssistantMessage(Struct, frozen=True, omit_defaults=True, tag_field="role", tag="assistant"):
    """What the model said. ``stop`` tells why it ended: ``end``, ``tools``, ``length``, ``refusal``, ``interrupted``
    or ``failed`` (the stream broke; ``text`` is what had arrived). ``not_done`` are the words of it that claim what no tool call of its
    turn had done; they are for people, no provider is sent them."""

    id: str
    time: datetime
    text: str
    calls: tuple[ToolCall, ...] = ()
    reasoning: tuple[Reasoning, ...] = ()
    model: str = ""
    usage: Usage | None = None
    stop: str = "end"
    not_done: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """What a person reads: the text, and whether what it claims was not done."""
        return with_mark(self.text, self.not_done)


class ToolMessage(Struct, frozen=True, omit_defaults=True, tag_field="role", tag="tool"):
    """What a tool gave back. ``text`` is what the model sees; ``ok`` is false for an error or a refusal. ``source`` says whose text it
    is, where it was written by others than the person and alpi."""

    id: str
    time: datetime
    call_id: str
    name: str
    text: str
    ok: bool = True
    images: tuple[Image, ...] = ()
    source: str = ""


def not_done_mark(claims: Sequence[str]) -> str:
    """The mark of a reply of which nothing backs these words; a claim is a word of the reply."""
    return f"not done: {', '.join(claims)}"


def with_mark(text: str, not_done: Sequence[str]) -> str:
    """A reply's text with the mark of the claims that nothing backs; without any, as it is."""
    return f"{text.rstrip()}\n\n{not_done_mark(not_done)}" if not_done else text


Message = UserMessage | AssistantMessage | ToolMessage


class Summary(Struct, frozen=True, omit_defaults=True):
    """What stands for the older part of a conversation in requests, since that no longer fitted; the transcript itself stays whole.

    ``covers`` is the id of the last message that it replaces, ``text`` what the model is given instead, ``turns`` how many turns that
    were. ``cuts`` are messages after it that are too long to be sent whole: their id, and the text that is sent.
    """

    id: str
    time: datetime
    covers: str
    text: str
    turns: int = 0
    cuts: dict[str, str] = field(default_factory=dict)
