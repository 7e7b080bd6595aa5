"""What a turn yields. Surfaces render these and hold no logic of their own; ``alpi ask --json`` prints one a line."""

from __future__ import annotations

from msgspec import Struct

from ..base.message import Usage


class TurnStarted(Struct, frozen=True, tag_field="type", tag="turn_started"):
    """A turn began in this session; ``model`` as ``provider/model``."""

    session: str
    model: str


class Queued(Struct, frozen=True, tag_field="type", tag="queued"):
    """The message waits for the turn that is running."""


class Saved(Struct, frozen=True, tag_field="type", tag="saved"):
    """A message is on the disk. From here on nothing loses it."""

    id: str
    role: str


class Text(Struct, frozen=True, tag_field="type", tag="text"):
    """A piece of the answer, as Markdown."""

    text: str


class Thinking(Struct, frozen=True, tag_field="type", tag="thinking"):
    """A piece of the model's reasoning."""

    text: str


class ToolStarted(Struct, frozen=True, tag_field="type", tag="tool_started"):
    """A tool call was allowed or is being judged. ``hint`` is what it is about, in a few words."""

    call: str
    name: str
    hint: str


class ToolProgress(Struct, frozen=True, tag_field="type", tag="tool_progress"):
    """A running tool has something to show."""

    call: str
    text: str


class ToolFinished(Struct, frozen=True, tag_field="type", tag="tool_finished"):
    """A tool call is over. ``summary`` is one line; ``output`` what the model sees; ``diff`` what changed in a file, or ``""``."""

    call: str
    name: str
    ok: bool
    summary: str
    output: str
    seconds: float
    refused: bool = False
    diff: str = ""


class Preparing(Struct, frozen=True, tag_field="type", tag="preparing"):
    """A local model is being made ready. ``share`` is 0..1 where known."""

    what: str
    share: float | None = None


class Retrying(Struct, frozen=True, tag_field="type", tag="retrying"):
    """A model call failed and is tried again, or handed to ``next_model``."""

    message: str
    wait_seconds: float
    next_model: str = ""


class Notice(Struct, frozen=True, tag_field="type", tag="notice"):
    """Something that the person should know; the turn goes on."""

    text: str


class ContextUsed(Struct, frozen=True, tag_field="type", tag="context_used"):
    """How full the model's window is, after a model call: ``tokens`` of ``window`` (0: not known). ``estimated``: counted by
    characters, because the provider did not say."""

    tokens: int
    window: int
    estimated: bool = False


class Compacting(Struct, frozen=True, tag_field="type", tag="compacting"):
    """Older turns are being summed up, so that the conversation fits."""


class Compacted(Struct, frozen=True, tag_field="type", tag="compacted"):
    """``turns`` older turns were replaced by a summary; the request shrank from ``before`` to ``after`` tokens. The originals stay on
    the disk."""

    turns: int
    before: int
    after: int


class NotDone(Struct, frozen=True, tag_field="type", tag="not_done"):
    """The answer claims what no tool of this turn did. ``claims`` are its words."""

    claims: tuple[str, ...]


class Failed(Struct, frozen=True, tag_field="type", tag="failed"):
    """The turn could not go on. What had been said is kept."""

    message: str
    hint: str = ""
    detail: str = ""
    exit_code: int = 1


class TurnEnded(Struct, frozen=True, tag_field="type", tag="turn_ended"):
    """The turn is over. ``stop``: ``end``, ``limit`` (of steps), ``length`` (of the answer), ``refusal``, ``interrupted`` or ``failed``.
    ``text`` is the final answer, ``refused`` how many tool calls the gate stopped, ``cost_usd`` what all model calls of the turn cost
    together (``None``: the price of one is unknown)."""

    session: str
    stop: str
    text: str
    usage: Usage
    steps: int
    seconds: float
    refused: int = 0
    cost_usd: float | None = None


Event = (
    TurnStarted
    | Queued
    | Saved
    | Text
    | Thinking
    | ToolStarted
    | ToolProgress
    | ToolFinished
    | Preparing
    | Retrying
    | Notice
    | ContextUsed
    | Compacting
    | Compacted
    | NotDone
    | Failed
    | TurnEnded
)
