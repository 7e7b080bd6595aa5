"""One turn: the message to the disk, then model and tools in turn until the model has nothing more to call."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ..base.errors import AlpiError
from ..base.message import Message, ToolCall, UserMessage, with_mark
from ..providers.retry import ChainEntry
from ..providers.types import Request
from . import events
from .calls import Interrupted, ModelCalls
from .dispatch import Outcome
from .history import History
from .parts import Draft, Parts, Transcript
from .prompt import left_undone, turn_context
from .reply import Reply
from .step import Steps
from .surface import Surface

NO_STEPS_LEFT = "Not run: the turn's steps are used up."
CHECK = """\
[alpi checks your reply: it says {claims}, but no tool call of this turn has done that. If it is to be done, do it now with a tool. \
If not, say plainly that it is not done.]"""
CHECK_SURFACE = "check"


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
        self._id = parts.new_id()
        self._calls = ModelCalls(parts, session.id, surface)
        self._history = History(parts, session, self._calls, emit)
        self._tools = Steps(parts, surface, self._id, emit, self._save, self._note_call)
        self._model = parts.model.entries[0].full_name
        self._steps = 0
        self._refused = 0
        self._asked = ""
        self._text = ""
        self._ran: list[tuple[ToolCall, Outcome]] = []
        self._checked = False
        self._claims: tuple[str, ...] = ()
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
        text = with_mark(self._text, self._claims)
        if self._claims:
            self._emit(events.NotDone(self._claims))
        seconds = round(clock.monotonic() - started, 3)
        self._log_turn(stop, seconds)
        calls = self._calls
        self._emit(
            events.TurnEnded(self._session.id, stop, text, calls.usage, self._steps, seconds, self._refused, calls.cost)
        )

    async def _answer(self, draft: Draft) -> str:
        """Model and tools in turn; gives why it stopped."""
        parts, session = self._parts, self._session
        self._emit(events.TurnStarted(session.id, self._model))
        for warning in session.warnings:
            self._emit(events.Notice(warning))
        session.warnings.clear()
        self._asked = draft.text
        now = parts.clock.now()
        context = turn_context(now, parts.toolbox.workspace, not session.messages, left_undone(session.messages))
        text = self._history.bounded(self._id, draft.text)
        self._save(UserMessage(self._id, now, text, context, self._surface.name, draft.images))
        while True:
            if self._surface.interrupt.is_set():
                raise Interrupted
            last_step = self._steps >= parts.steps or self._tools.in_circles
            reply, offered = await self._ask_model(last_step)
            self._steps += 1
            calling = bool(reply.calls) and not last_step
            stop = reply.stop if reply.stop in ("length", "refusal") else "end"
            self._keep(reply, final=not calling and stop == "end")
            self._emit(self._history.used(reply))
            if calling:
                await self._tools.carry_out(reply.calls, offered)
                continue
            # It was told to stop calling; if it did not listen, the transcript still needs results.
            self._tools.answer_all(reply.calls, NO_STEPS_LEFT)
            if self._claims and not self._checked and not last_step:
                self._ask_again()
                continue
            return "limit" if last_step else stop

    def _keep(self, reply: Reply, final: bool) -> None:
        """Write a reply down; one that ends the turn is compared with what tools have done first, and stored with the mark: nothing
        that is on the disk is changed later."""
        message = reply.message(self._parts.new_id(), self._parts.clock.now())
        self._claims = self._unbacked(message.text) if final else ()
        self._text = self._save(msgspec.structs.replace(message, not_done=self._claims)).text

    def _unbacked(self, text: str) -> tuple[str, ...]:
        if self._parts.unbacked is None:
            return ()
        from .claims import DoneCall, asks_back, earlier

        ran = [DoneCall(call.name, call.arguments, done.ok, done.text, done.refused) for call, done in self._ran]
        claims = self._parts.unbacked(text, ran)
        if claims and asks_back(self._asked):
            claims = self._parts.unbacked(text, [*ran, *earlier(self._session.messages)])
        return claims

    def _ask_again(self) -> None:
        """Claims that nothing backs: the model is asked once to do it, or to take it back."""
        self._checked = True
        said = ", ".join(f'"{claim}"' for claim in self._claims)
        check = CHECK.format(claims=said)
        self._save(UserMessage(self._parts.new_id(), self._parts.clock.now(), check, surface=CHECK_SURFACE))

    async def _ask_model(self, last_step: bool) -> tuple[Reply, frozenset[str]]:
        """One model call, to its end. A conversation that a provider finds too long is made shorter, once."""
        await self._history.make_room()
        reply, offered = await self._ask_once(last_step)
        if reply.failure is not None and reply.failure.kind == "too_long":
            self._history.too_long(reply.model)
            await self._history.make_room()
            reply, offered = await self._ask_once(last_step)
        self._model = reply.model
        failure = reply.failure
        if failure is not None:
            self._keep_part(reply, "failed")
            code = 2 if failure.kind == "no_key" else 1
            raise CannotGoOn(events.Failed(failure.message, failure.hint, failure.detail, code))
        return reply, offered

    async def _ask_once(self, last_step: bool) -> tuple[Reply, frozenset[str]]:
        """One request. What had arrived when the person interrupts is kept in the transcript."""
        parts = self._parts
        offered: frozenset[str] = frozenset()
        reply = Reply(self._emit)

        def build(entry: ChainEntry) -> Request:
            nonlocal offered
            request = parts.request(entry, self._history.messages_for(entry), last_step)
            offered = frozenset(spec.name for spec in request.tools)
            readable = entry.settings.text_calls and request.tools and not last_step
            reply.begin(entry.full_name, parts.textcalls(request.tools) if readable else None)
            return request

        try:
            await self._calls.ask(build, reply)
        except Interrupted:
            self._keep_part(reply, "interrupted")
            raise
        return reply, offered

    def _keep_part(self, reply: Reply, stop: str) -> None:
        reply.settle(broken=True)
        if not reply.empty:
            self._save(reply.message(self._parts.new_id(), self._parts.clock.now(), stop))

    def _note_call(self, call: ToolCall, done: Outcome) -> None:
        self._ran.append((call, done))
        self._refused += done.refused
        self._log_tool(call.name, done.ok, done.refused, done.seconds)

    def _save(self, message: Message) -> Message:
        saved = self._session.append(message)
        self._emit(events.Saved(saved.id, str(type(saved).__struct_config__.tag)))
        return saved

    def _log_turn(self, stop: str, seconds: float) -> None:
        log, usage = self._parts.log, self._calls.usage
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


__all__ = ["Draft", "Parts", "Transcript", "Turn"]
