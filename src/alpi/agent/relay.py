"""A turn in which a peer answers instead of this agent's own model: ``@nas what is odd in the logs?``

The transcript holds it as a tool call with its result, so that the model of a later turn knows what was asked and answered, and by whom.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from ..base.clock import Clock
from ..base.errors import AlpiError
from ..base.message import AssistantMessage, Message, ToolCall, ToolMessage, Usage, UserMessage
from . import events
from .calls import Interrupted, until_interrupt
from .parts import Transcript
from .surface import Surface

TOOL = "link"


class Answer(Protocol):
    """What a peer answered."""

    @property
    def text(self) -> str: ...

    @property
    def interrupted(self) -> bool: ...


@dataclass(frozen=True)
class Relay:
    """Hands messages on to a peer.

    Args:
        ask: has the peer run a turn; is given the text, and what takes the pieces of the answer. Cancelling it stops that turn.
        fence: how its answer stands in the transcript, since it was written by somebody else.
        context: what is added to the message, as for every turn.
    """

    peer: str
    ask: Callable[[str, Callable[[str], None]], Awaitable[Answer]]
    fence: Callable[[str], str]
    context: str
    clock: Clock
    new_id: Callable[[], str]

    async def turn(self, session: Transcript, text: str, surface: Surface) -> AsyncIterator[events.Event]:
        """One turn; yields what any turn does, ``TurnEnded`` last."""
        queue: asyncio.Queue[events.Event | None] = asyncio.Queue()
        runner = asyncio.create_task(self._run(session, text, surface, queue.put_nowait))
        runner.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            await runner
        finally:
            if not runner.done():
                runner.cancel()
                await asyncio.gather(runner, return_exceptions=True)

    async def _run(
        self, session: Transcript, text: str, surface: Surface, emit: Callable[[events.Event], None]
    ) -> None:
        started = self.clock.monotonic()
        stop, said = "failed", ""
        emit(events.TurnStarted(session.id, f"peer/{self.peer}"))
        try:
            session.begin_turn()
            try:
                said, stop = await self._answer(session, text, surface, emit)
            finally:
                session.end_turn()
        except AlpiError as error:
            emit(events.Failed(error.message, error.hint, exit_code=error.exit_code))
        seconds = round(self.clock.monotonic() - started, 3)
        emit(events.TurnEnded(session.id, stop, said, Usage(), 1, seconds, cost_usd=0.0))

    async def _answer(
        self, session: Transcript, text: str, surface: Surface, emit: Callable[[events.Event], None]
    ) -> tuple[str, str]:
        def save(message: Message) -> None:
            saved = session.append(message)
            emit(events.Saved(saved.id, str(type(saved).__struct_config__.tag)))

        def now() -> Any:
            return self.clock.now()

        arguments = msgspec.json.encode({"action": "ask", "peer": self.peer, "text": text}).decode()
        call = ToolCall(self.new_id(), TOOL, arguments)
        save(UserMessage(self.new_id(), now(), f"@{self.peer} {text}", self.context, surface.name))
        save(AssistantMessage(self.new_id(), now(), "", (call,), (), f"peer/{self.peer}", None, "tools"))
        pieces: list[str] = []

        def piece(delta: str) -> None:
            pieces.append(delta)
            emit(events.Text(delta))

        def result(said: str, ok: bool) -> ToolMessage:
            return ToolMessage(self.new_id(), now(), call.id, TOOL, said, ok, source=f"the peer {self.peer}")

        try:
            answer = await until_interrupt(asyncio.ensure_future(self.ask(text, piece)), surface.interrupt)
        except Interrupted:
            save(result(self.fence("".join(pieces)) + "\n(stopped by the user)", False))
            return "".join(pieces), "interrupted"
        except AlpiError as error:
            save(result(f"Error: {error}", False))
            raise
        rest = answer.text.removeprefix("".join(pieces))
        if rest:
            emit(events.Text(rest))
        save(result(self.fence(answer.text), not answer.interrupted))
        ended = AssistantMessage(self.new_id(), now(), f"({self.peer} has answered this.)", (), (), f"peer/{self.peer}")
        save(ended)
        return answer.text, "interrupted" if answer.interrupted else "end"
