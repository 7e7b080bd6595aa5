"""One turn: the message to the disk, then model and tools in turn until the model has nothing more to call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ..base.clock import Clock
from ..base.errors import AlpiError
from ..base.message import Image, Message, ToolCall, ToolMessage, Usage, UserMessage
from ..providers.retry import ChainEntry, ModelChain
from ..providers.types import Request, ToolSpec
from . import events
from .dispatch import Toolbox
from .prompt import PromptBuilder, turn_context
from .reply import Reply, TextCalls
from .surface import Surface

T = TypeVar("T")

# How long a cancelled stream or tool may take to let go before the turn ends without it.
GRACE_SECONDS = 0.8
# The same calls this often in a row: the model is going in circles.
SAME_CALLS = 3
STOPPED = "Stopped by the user before it had ended; it may have been done in part."
NO_STEPS_LEFT = "Not run: the turn's steps are used up."


class Transcript(Protocol):
    """A session, as a turn needs it (state/sessions.py implements it)."""

    id: str
    messages: list[Message]
    warnings: list[str]

    def begin_turn(self) -> None: ...

    def end_turn(self) -> None: ...

    def append(self, message: Message) -> Message: ...


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


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that somebody sends."""

    text: str
    images: tuple[Image, ...] = ()


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
    examples: Callable[[str], Sequence[Message]]
    well_formed: Callable[[Sequence[Message]], Sequence[Message]]
    log: TurnLog | None = None

    def request(self, entry: ChainEntry, history: Sequence[Message], last_step: bool = False) -> Request:
        """The request for one model call."""
        examples = self.examples(entry.settings.examples)
        return self.prompt.request(entry.model, entry.settings, history, examples, last_step)


class Interrupted(Exception):
    """The person stopped the turn."""


class CannotGoOn(Exception):
    """The turn cannot go on; the event says why."""

    def __init__(self, event: events.Failed) -> None:
        super().__init__(event.message)
        self.event = event


class Turn:
    """Runs one turn.

    Args:
        parts: what it is made with.
        session: where it is written down.
        surface: who asks, and can be asked.
        emit: takes the events.
    """

    def __init__(
        self, parts: Parts, session: Transcript, surface: Surface, emit: Callable[[events.Event], None]
    ) -> None:
        self._parts = parts
        self._session = session
        self._surface = surface
        self._emit = emit
        self._id = ""
        self._model = parts.model.entries[0].full_name
        self._steps = 0
        self._refused = 0
        self._usage = Usage()
        self._text = ""
        self._last_calls: tuple[tuple[str, str], ...] = ()
        self._repeats = 0
        self._log_failed = False

    async def run(self, draft: Draft) -> None:
        """From the message to ``TurnEnded``, which comes whatever happens."""
        clock = self._parts.clock
        started = clock.monotonic()
        stop = "failed"
        try:
            self._session.begin_turn()
            try:
                stop = await self._answer(draft)
            finally:
                self._session.end_turn()
        except Interrupted:
            stop = "interrupted"
        except CannotGoOn as failure:
            self._emit(failure.event)
        except AlpiError as error:
            self._emit(events.Failed(error.message, error.hint, exit_code=error.exit_code))
        seconds = round(clock.monotonic() - started, 3)
        self._log_turn(stop, seconds)
        self._emit(
            events.TurnEnded(self._session.id, stop, self._text, self._usage, self._steps, seconds, self._refused)
        )

    async def _answer(self, draft: Draft) -> str:
        """Model and tools in turn; gives why it stopped."""
        parts, session = self._parts, self._session
        self._emit(events.TurnStarted(session.id, self._model))
        for warning in session.warnings:
            self._emit(events.Notice(warning))
        session.warnings.clear()
        now = parts.clock.now()
        context = turn_context(now, parts.toolbox.workspace, first=not session.messages)
        self._id = parts.new_id()
        self._save(UserMessage(self._id, now, draft.text, context, self._surface.name, draft.images))
        while True:
            if self._surface.interrupt.is_set():
                raise Interrupted
            last_step = self._steps >= parts.steps or self._repeats >= SAME_CALLS
            reply, offered = await self._ask_model(last_step)
            self._steps += 1
            self._usage += reply.usage or Usage()
            self._text = self._save(reply.message(parts.new_id(), parts.clock.now())).text
            if last_step or not reply.calls:
                # It was told to stop calling; if it did not listen, the transcript still needs results.
                self._answer_all(reply.calls, NO_STEPS_LEFT)
                return "limit" if last_step else reply.stop if reply.stop in ("length", "refusal") else "end"
            await self._carry_out(reply.calls, offered)

    async def _ask_model(self, last_step: bool) -> tuple[Reply, frozenset[str]]:
        """One model call, to its end. What had arrived of a broken or interrupted one is kept in the transcript."""
        parts = self._parts
        history = parts.well_formed(self._session.messages)
        offered: frozenset[str] = frozenset()
        reply = Reply(self._emit)

        def build(entry: ChainEntry) -> Request:
            nonlocal offered
            request = parts.request(entry, history, last_step)
            offered = frozenset(spec.name for spec in request.tools)
            readable = entry.settings.text_calls and request.tools and not last_step
            reply.begin(entry.full_name, parts.textcalls(request.tools) if readable else None)
            return request

        try:
            await self._until_interrupt(reply.read(parts.model.stream(build)))
        except Interrupted:
            self._keep_part(reply, "interrupted")
            raise
        self._model = reply.model
        failure = reply.failure
        if failure is not None:
            self._keep_part(reply, "failed")
            code = 2 if failure.kind == "no_key" else 1
            raise CannotGoOn(events.Failed(failure.message, failure.hint, failure.detail, code))
        return reply, offered

    def _keep_part(self, reply: Reply, stop: str) -> None:
        reply.settle(broken=True)
        if not reply.empty:
            self._save(reply.message(self._parts.new_id(), self._parts.clock.now(), stop))

    async def _carry_out(self, calls: Sequence[ToolCall], offered: frozenset[str]) -> None:
        """Run a step's calls and write their results down, in the model's order."""
        same = tuple((call.name, call.arguments) for call in calls)
        self._repeats = self._repeats + 1 if same == self._last_calls else 1
        self._last_calls = same
        left = list(calls)
        try:
            while left:
                # Neighbours that only read run side by side; all others one after the other.
                parallel = self._parts.toolbox.parallel
                count = next((i for i, call in enumerate(left) if not parallel(call)), len(left)) or 1
                running = [self._run_call(call, offered) for call in left[:count]]
                for result in await self._until_interrupt(asyncio.gather(*running)):
                    self._save(result)
                del left[:count]
        except Interrupted:
            self._answer_all(left, STOPPED)
            raise

    async def _run_call(self, call: ToolCall, offered: frozenset[str]) -> ToolMessage:
        toolbox = self._parts.toolbox
        self._emit(events.ToolStarted(call.id, call.name, toolbox.hint(call)))

        def progress(text: str) -> None:
            self._emit(events.ToolProgress(call.id, text))

        done = await toolbox.run(call, offered, self._surface, self._id, progress)
        self._refused += done.refused
        self._log_tool(call.name, done.ok, done.refused, done.seconds)
        self._emit(
            events.ToolFinished(
                call.id, call.name, done.ok, done.summary, done.text, done.seconds, done.refused, done.diff
            )
        )
        return self._result(call, done.text, done.ok, done.images)

    def _answer_all(self, calls: Sequence[ToolCall], text: str) -> None:
        for call in calls:
            self._save(self._result(call, text, False))

    def _result(self, call: ToolCall, text: str, ok: bool, images: tuple[Image, ...] = ()) -> ToolMessage:
        return ToolMessage(self._parts.new_id(), self._parts.clock.now(), call.id, call.name, text, ok, images)

    def _save(self, message: Message) -> Message:
        saved = self._session.append(message)
        self._emit(events.Saved(saved.id, str(type(saved).__struct_config__.tag)))
        return saved

    async def _until_interrupt(self, work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
        """Wait for some work, or stop it when the person interrupts: it gets a moment to let go, then the turn ends without it."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._surface.interrupt.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Interrupted
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=GRACE_SECONDS)

    def _log_turn(self, stop: str, seconds: float) -> None:
        log, usage = self._parts.log, self._usage
        if log is not None:
            written = log.turn(
                session=self._session.id,
                surface=self._surface.name,
                model=self._model,
                ok=stop == "end",
                stop=stop,
                seconds=seconds,
                steps=self._steps,
                input_tokens=usage.input,
                cached_tokens=usage.cached,
                output_tokens=usage.output,
            )
            self._note_log(written)

    def _log_tool(self, tool: str, ok: bool, refused: bool, seconds: float) -> None:
        log = self._parts.log
        if log is not None:
            names = {"session": self._session.id, "surface": self._surface.name, "model": self._model}
            self._note_log(log.tool(**names, tool=tool, ok=ok, refused=refused, seconds=seconds))

    def _note_log(self, written: bool) -> None:
        if not written and not self._log_failed:
            self._log_failed = True
            self._emit(events.Notice("logs/agent.log could not be written; the turn goes on"))
