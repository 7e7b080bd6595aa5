"""The agent: takes messages, yields the events of their turns. Every surface uses this one path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from . import events
from .prompt import estimate_tokens, schema_text
from .surface import Surface
from .turn import GRACE_SECONDS, Draft, Parts, Transcript, Turn


class Agent:
    """Runs turns. Holds nothing of a conversation: that is the session's.

    Args:
        parts: the models, tools, prompt and time to work with.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._turns = asyncio.Lock()

    async def turn(self, session: Transcript, draft: Draft, surface: Surface) -> AsyncIterator[events.Event]:
        """Answer one message; yields events until ``TurnEnded``, which always comes last.

        A turn that is started while another runs waits for it. Closing the iterator early interrupts the turn.
        """
        queue: asyncio.Queue[events.Event | None] = asyncio.Queue()
        runner = asyncio.create_task(self._run(session, draft, surface, queue))
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
        request = self._parts.request(self._parts.model.entries[0], ())
        sizes = [("instructions", estimate_tokens(request.system))]
        sizes += [(tool.name, estimate_tokens(schema_text(tool))) for tool in request.tools]
        if request.messages:
            sizes.append(("examples", sum(estimate_tokens(str(message)) for message in request.messages)))
        return sizes

    async def _run(
        self, session: Transcript, draft: Draft, surface: Surface, queue: asyncio.Queue[events.Event | None]
    ) -> None:
        if self._turns.locked():
            queue.put_nowait(events.Queued())
        async with self._turns:
            await Turn(self._parts, session, surface, queue.put_nowait).run(draft)
