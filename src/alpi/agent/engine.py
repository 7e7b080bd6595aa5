"""The agent: takes messages, yields the events of their turns. Every surface uses this one path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

from ..base.errors import AlpiError
from ..providers.retry import ModelChain
from . import events
from .calls import GRACE_SECONDS, Interrupted, ModelCalls
from .context import history_tokens
from .dispatch import Toolbox
from .history import History
from .parts import Draft, Parts, Transcript
from .prompt import estimate_tokens, schema_text
from .surface import Surface
from .turn import Turn

Emit = Callable[[events.Event], None]


class Agent:
    """Runs turns. Holds nothing of a conversation: that is the session's.

    Args:
        parts: the models, tools, prompt and time to work with.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._turns = asyncio.Lock()

    @property
    def toolbox(self) -> Toolbox:
        """The tools of this agent's session."""
        return self._parts.toolbox

    def changed(self, model: ModelChain | None = None, memory: str | None = None) -> Agent:
        """An agent that goes on with the same session and tools, with another model or other memory in its prompt."""
        parts = self._parts
        model = model or parts.model
        prompt = parts.prompt if memory is None else replace(parts.prompt, memory=memory)
        toolbox = replace(parts.toolbox, vision=model.entries[0].settings.vision)
        toolbox.use(model)
        return Agent(replace(parts, model=model, prompt=prompt, toolbox=toolbox))

    async def turn(self, session: Transcript, draft: Draft, surface: Surface) -> AsyncIterator[events.Event]:
        """Answer one message; yields events until ``TurnEnded``, which always comes last.

        A turn that is started while another runs waits for it. Closing the iterator early interrupts the turn.
        """
        async with aclosing(
            self._events(surface, lambda emit: Turn(self._parts, session, surface, emit).run(draft))
        ) as seen:
            async for event in seen:
                yield event

    async def compact(self, session: Transcript, surface: Surface) -> AsyncIterator[events.Event]:
        """Sum up a conversation's older turns now; yields ``Compacting`` and ``Compacted``, or a ``Notice`` of why nothing was done,
        or ``Failed``."""
        async with aclosing(self._events(surface, lambda emit: self._compact(session, surface, emit))) as seen:
            async for event in seen:
                yield event

    async def prepare(self) -> None:
        """Make the model ready for this agent's requests: a local one loads, and works its prefix out beforehand. Tools too."""
        self._parts.toolbox.prepare()
        await self._parts.model.prepare(lambda entry: self._parts.request(entry, ()))

    async def end_session(self) -> None:
        """End what tools have left running; the models stay connected."""
        await self._parts.toolbox.aclose()

    async def aclose(self) -> None:
        """End what is still running: background commands, and the models' connections and processes."""
        await self.end_session()
        await self._parts.model.aclose()

    def prompt_sizes(self) -> list[tuple[str, int]]:
        """What every request begins with, part by part, in tokens (an estimate)."""
        entry, prompt = self._parts.model.entries[0], self._parts.prompt
        request = self._parts.request(entry, ())
        sizes = [("instructions", estimate_tokens(prompt.system(entry.settings, with_memory=False)))]
        sizes += [
            (name, estimate_tokens(text))
            for name, text in (("memory", prompt.memory), ("skills", prompt.index(entry.settings)))
            if text
        ]
        sizes += [(tool.name, estimate_tokens(schema_text(tool))) for tool in request.tools]
        if request.prefix:
            sizes.append(("examples", history_tokens(request.messages[: request.prefix])))
        return sizes

    async def _events(
        self, surface: Surface, work: Callable[[Emit], Coroutine[Any, Any, None]]
    ) -> AsyncGenerator[events.Event, None]:
        """What some work emits while it runs, one work after the other."""
        queue: asyncio.Queue[events.Event | None] = asyncio.Queue()
        runner = asyncio.create_task(self._in_turn(work, queue.put_nowait))
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

    async def _in_turn(self, work: Callable[[Emit], Coroutine[Any, Any, None]], emit: Emit) -> None:
        if self._turns.locked():
            emit(events.Queued())
        async with self._turns:
            await work(emit)

    async def _compact(self, session: Transcript, surface: Surface, emit: Emit) -> None:
        try:
            session.begin_turn()
            try:
                await History(self._parts, session, ModelCalls(self._parts, session.id, surface), emit).make_room(True)
            finally:
                session.end_turn()
        except Interrupted:
            emit(events.Notice("Stopped; the conversation is as it was"))
        except AlpiError as error:
            emit(events.Failed(error.message, error.hint, exit_code=error.exit_code))
