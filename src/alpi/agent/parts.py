"""What turns are made with, and what they need of a session, a log and a todo list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ..base.clock import Clock
from ..base.message import Image, Message, Summary, ToolCall, ToolMessage
from ..providers.retry import ChainEntry, ModelChain
from ..providers.types import Request, ToolSpec
from .accounts import Accounts
from .context import ContextRules
from .dispatch import Toolbox
from .prompt import PromptBuilder
from .reply import TextCalls

if TYPE_CHECKING:
    from .claims import DoneCall


class Transcript(Protocol):
    """A session, as a turn needs it (state/sessions.py implements it). ``messages`` is all that was said; ``active()`` is what a model
    is sent of it: after a compaction a summary stands for the older part."""

    id: str
    messages: list[Message]
    warnings: list[str]

    def begin_turn(self) -> None: ...

    def end_turn(self) -> None: ...

    def append(self, message: Message) -> Message: ...

    def append_summary(self, summary: Summary) -> Summary: ...

    def active(self) -> list[Message]: ...

    @property
    def summary(self) -> Summary | None: ...


class TurnLog(Protocol):
    """Notes turns and tool calls without their content (state/agentlog.py). False: it could not be written."""

    def turn(
        self,
        *,
        session: str,
        surface: str,
        model: str,
        ok: bool,
        stop: str,
        seconds: float,
        steps: int,
        input_tokens: int,
        cached_tokens: int,
        output_tokens: int,
    ) -> bool: ...

    def tool(
        self, *, session: str, surface: str, model: str, tool: str, ok: bool, refused: bool, seconds: float
    ) -> bool: ...


class Todo(Protocol):
    """The list of what is to be done in the turn at hand (agent/todo.py)."""

    def render(self) -> str:
        """The list as text, ``""`` when it is empty."""
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that somebody sends."""

    text: str
    images: tuple[Image, ...] = ()


Unbacked = Callable[[str, "Sequence[DoneCall]"], tuple[str, ...]]
"""Given a reply and the calls of its turn: the words that claim what none of them did (agent/claims.py)."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What turns are made with. See ``engine.Agent``."""

    model: ModelChain
    toolbox: Toolbox
    prompt: PromptBuilder
    clock: Clock
    new_id: Callable[[], str]
    steps: int
    textcalls: Callable[[Sequence[ToolSpec]], TextCalls]
    examples: Callable[[str, Sequence[str]], Sequence[Message]]
    well_formed: Callable[[Sequence[Message]], Sequence[Message]]
    log: TurnLog | None = None
    accounts: Accounts | None = None
    todo: Todo | None = None
    unbacked: Unbacked | None = None
    context: ContextRules = field(default_factory=ContextRules)

    def request(self, entry: ChainEntry, history: Sequence[Message], last_step: bool = False) -> Request:
        """The request for one model call."""
        offered = [spec.name for spec in self.prompt.offered(entry.settings)]
        examples = self.examples(entry.settings.examples, offered)
        return self.prompt.request(entry.model, entry.settings, history, examples, last_step)

    def result(
        self, call: ToolCall, text: str, ok: bool, images: tuple[Image, ...] = (), source: str = ""
    ) -> ToolMessage:
        """What a call came to, for the transcript."""
        return ToolMessage(self.new_id(), self.clock.now(), call.id, call.name, text, ok, images, source)
