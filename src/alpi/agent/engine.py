"""The turn engine: message in, events out. Every surface uses this one path.

A turn is: the message to the disk; then, until the model has nothing more to call, ask the model, write its answer down, carry out its
calls, write their results down. Each finished message is on the disk before the next step starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ..base.clock import Clock
from ..base.errors import AlpiError
from ..base.message import Image, Message, ToolCall, ToolMessage, Usage, UserMessage
from ..providers.retry import ChainEntry, ModelChain
from ..providers.types import Request, ToolSpec
from . import events
from .dispatch import Outcome, Toolbox
from .prompt import PromptBuilder, estimate_tokens, schema_text, turn_context
from .reply import Reply, TextCalls
from .surface import Surface

T = TypeVar("T")

# How long a cancelled stream or tool may take to let go before the turn ends without it.
GRACE_SECONDS = 0.8
# The same calls this often in a row: the model is going in circles.
SAME_CALLS = 3


class Transcript(Protocol):
    """A session, as the engine needs it (state/sessions.py implements it)."""

    id: str
    messages: list[Message]
    warnings: list[str]

    def begin_turn(self) -> None: ...

    def end_turn(self) -> None: ...

    def append(self, message: Message) -> Message: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that somebody sends."""

    text: str
    images: tuple[Image, ...] = ()


@dataclass
class Progress:
    """What a turn has come to so far."""

    steps: int = 0
    refused: int = 0
    usage: Usage = field(default_factory=Usage)
    text: str = ""
    last_calls: tuple[tuple[str, str], ...] = ()
    repeats: int = 0


class TurnInterrupted(Exception):
    """The person stopped the turn."""


class TurnFailed(Exception):
    """The turn cannot go on; the event says why."""

    def __init__(self, event: events.Failed) -> None:
        super().__init__(event.message)
        self.event = event


class Agent:
    """Runs turns. Holds nothing of a conversation: that is the session's.

    Args:
        model: answers requests; a chain of models to fall back on.
        toolbox: carries out tool calls.
        prompt: builds requests.
        clock: time.
        new_id: makes message ids.
        steps: model calls in one turn, before it must answer.
        textcalls: makes a reader of text-form calls for the tools on offer.
        examples: the example exchanges of a set, by name.
        well_formed: makes a transcript fit for providers (every call with its result).
    """

    def __init__(
        self,
        *,
        model: ModelChain,
        toolbox: Toolbox,
        prompt: PromptBuilder,
        clock: Clock,
        new_id: Callable[[], str],
        steps: int,
        textcalls: Callable[[Sequence[ToolSpec]], TextCalls],
        examples: Callable[[str], Sequence[Message]],
        well_formed: Callable[[Sequence[Message]], Sequence[Message]],
    ) -> None:
        self._model = model
        self._toolbox = toolbox
        self._prompt = prompt
        self._clock = clock
        self._new_id = new_id
        self._steps = steps
        self._textcalls = textcalls
        self._examples = examples
        self._well_formed = well_formed
        self._turns = asyncio.Lock()

    async def turn(self, session: Transcript, draft: Draft, surface: Surface) -> AsyncIterator[events.Event]:
        """Answer one message; yields events until ``TurnEnded``, which always comes last.

        A turn that is started while another runs waits for it. Closing the iterator early interrupts the turn.
        """
        queue: asyncio.Queue[events.Event | None] = asyncio.Queue()
        runner = asyncio.create_task(self._run(session, draft, surface, queue.put_nowait))
        runner.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            await runner
        finally:
            if not runner.done():
                surface.interrupt.set()
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({runner}, timeout=2 * GRACE_SECONDS)
                runner.cancel()

    async def prepare(self) -> None:
        """Make the model ready for this agent's requests: a local one loads, and works its prefix out beforehand."""
        await self._model.prepare(lambda entry: self._request(entry, ()))

    def prompt_sizes(self) -> list[tuple[str, int]]:
        """What every request begins with, part by part, in tokens (an estimate)."""
        entry = self._model.entries[0]
        request = self._request(entry, ())
        sizes = [("instructions", estimate_tokens(request.system))]
        sizes += [(tool.name, estimate_tokens(schema_text(tool))) for tool in request.tools]
        if request.messages:
            sizes.append(("examples", sum(estimate_tokens(str(message)) for message in request.messages)))
        return sizes

    def _request(self, entry: ChainEntry, history: Sequence[Message], last_step: bool = False) -> Request:
        return self._prompt.request(
            entry.model, entry.settings, history, self._examples(entry.settings.examples), last_step
        )

    async def _run(
        self, session: Transcript, draft: Draft, surface: Surface, emit: Callable[[events.Event], None]
    ) -> None:
        if self._turns.locked():
            emit(events.Queued())
        async with self._turns:
            started = self._clock.monotonic()
            progress = Progress()
            stop = "failed"
            try:
                session.begin_turn()
                try:
                    stop = await self._steps_of(session, draft, surface, emit, progress)
                finally:
                    session.end_turn()
            except TurnInterrupted:
                stop = "interrupted"
            except TurnFailed as failure:
                emit(failure.event)
            except AlpiError as error:
                emit(events.Failed(error.message, error.hint, exit_code=error.exit_code))
            seconds = round(self._clock.monotonic() - started, 3)
            emit(
                events.TurnEnded(
                    session.id, stop, progress.text, progress.usage, progress.steps, seconds, progress.refused
                )
            )

    async def _steps_of(
        self,
        session: Transcript,
        draft: Draft,
        surface: Surface,
        emit: Callable[[events.Event], None],
        progress: Progress,
    ) -> str:
        emit(events.TurnStarted(session.id, self._model.entries[0].full_name))
        for warning in session.warnings:
            emit(events.Notice(warning))
        session.warnings.clear()
        now = self._clock.now()
        context = turn_context(now, self._toolbox.workspace, first=not session.messages)
        self._save(session, UserMessage(self._new_id(), now, draft.text, context, surface.name, draft.images), emit)
        while True:
            if surface.interrupt.is_set():
                raise TurnInterrupted
            last_step = progress.steps >= self._steps or progress.repeats >= SAME_CALLS
            reply, offered = await self._ask_model(session, surface, emit, last_step)
            progress.steps += 1
            progress.text = reply.text
            progress.usage += reply.usage or Usage()
            self._save(session, reply.message(self._new_id(), self._clock.now()), emit)
            if last_step or not reply.calls:
                # It was told to stop calling; if it did not listen, the transcript still needs results.
                self._answer_all(session, reply.calls, "Not run: the turn's steps are used up.", emit)
                return "limit" if last_step else reply.stop if reply.stop in ("length", "refusal") else "end"
            await self._carry_out(session, reply.calls, offered, surface, emit, progress)

    async def _ask_model(
        self, session: Transcript, surface: Surface, emit: Callable[[events.Event], None], last_step: bool
    ) -> tuple[Reply, frozenset[str]]:
        """One model call, to its end. What had arrived of a broken or interrupted one is kept in the transcript."""
        history = self._well_formed(session.messages)
        offered: frozenset[str] = frozenset()
        reply = Reply(emit)

        def build(entry: ChainEntry) -> Request:
            nonlocal offered
            request = self._request(entry, history, last_step)
            offered = frozenset(spec.name for spec in request.tools)
            readable = entry.settings.text_calls and request.tools and not last_step
            reply.begin(entry.full_name, self._textcalls(request.tools) if readable else None)
            return request

        try:
            await self._until_interrupt(reply.read(self._model.stream(build)), surface)
        except TurnInterrupted:
            self._keep_part(session, reply, "interrupted", emit)
            raise
        if reply.failure is not None:
            failure = reply.failure
            self._keep_part(session, reply, "failed", emit)
            raise TurnFailed(
                events.Failed(failure.message, failure.hint, failure.detail, 2 if failure.kind == "no_key" else 1)
            )
        return reply, offered

    def _keep_part(self, session: Transcript, reply: Reply, stop: str, emit: Callable[[events.Event], None]) -> None:
        reply.settle()
        if not reply.empty:
            self._save(session, reply.message(self._new_id(), self._clock.now(), stop), emit)

    async def _carry_out(
        self,
        session: Transcript,
        calls: Sequence[ToolCall],
        offered: frozenset[str],
        surface: Surface,
        emit: Callable[[events.Event], None],
        progress: Progress,
    ) -> None:
        same = tuple((call.name, call.arguments) for call in calls)
        progress.repeats = progress.repeats + 1 if same == progress.last_calls else 1
        progress.last_calls = same
        left = list(calls)
        try:
            while left:
                # Neighbours that only read run side by side; all others one after the other, in the model's order.
                count = next((i for i, call in enumerate(left) if not self._toolbox.parallel(call)), len(left)) or 1
                running = [self._run_call(call, offered, surface, emit, progress) for call in left[:count]]
                results = await self._until_interrupt(asyncio.gather(*running), surface)
                for result in results:
                    self._save(session, result, emit)
                del left[:count]
        except TurnInterrupted:
            self._answer_all(
                session, left, "Stopped by the user before it had ended; it may have been done in part.", emit
            )
            raise

    async def _run_call(
        self,
        call: ToolCall,
        offered: frozenset[str],
        surface: Surface,
        emit: Callable[[events.Event], None],
        progress: Progress,
    ) -> ToolMessage:
        emit(events.ToolStarted(call.id, call.name, self._toolbox.hint(call)))
        outcome: Outcome = await self._toolbox.run(
            call, offered, surface, lambda text: emit(events.ToolProgress(call.id, text))
        )
        progress.refused += outcome.refused
        emit(
            events.ToolFinished(
                call.id,
                call.name,
                outcome.ok,
                outcome.summary,
                outcome.text,
                outcome.seconds,
                outcome.refused,
                outcome.diff,
            )
        )
        return ToolMessage(
            self._new_id(), self._clock.now(), call.id, call.name, outcome.text, outcome.ok, outcome.images
        )

    def _answer_all(
        self, session: Transcript, calls: Sequence[ToolCall], text: str, emit: Callable[[events.Event], None]
    ) -> None:
        for call in calls:
            self._save(
                session, ToolMessage(self._new_id(), self._clock.now(), call.id, call.name, text, ok=False), emit
            )

    def _save(self, session: Transcript, message: Message, emit: Callable[[events.Event], None]) -> Message:
        saved = session.append(message)
        emit(events.Saved(saved.id, str(type(saved).__struct_config__.tag)))
        return saved

    async def _until_interrupt(self, work: Coroutine[Any, Any, T] | asyncio.Future[T], surface: Surface) -> T:
        """Wait for some work, or stop it when the person interrupts: it gets a moment to let go, then the turn ends without it."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(surface.interrupt.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise TurnInterrupted
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=GRACE_SECONDS)
