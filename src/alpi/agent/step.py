"""The tool calls of one step: run side by side or one after the other, their output bounded by the model's window, their results
written down in the model's order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ..base.message import Message, ToolCall, ToolMessage
from . import events
from .calls import Interrupted, until_interrupt
from .context import window_of
from .dispatch import Outcome
from .parts import Parts
from .surface import Surface

# The same calls this often in a row: the model is going in circles.
SAME_CALLS = 3
STOPPED = "Stopped by the user before it had ended; it may have been done in part."
# However many calls a step has, each may say a little.
LEAST_TOKENS = 100


class Steps:
    """Carries out the calls of a turn's steps.

    Args:
        parts: what the turn is made with.
        surface: who is asked when a call needs leave, and can interrupt.
        turn: what an undo of the calls' changes is found by.
        emit: takes the events.
        save: writes a result down.
        done: told of each call when it is over.
    """

    def __init__(
        self,
        parts: Parts,
        surface: Surface,
        turn: str,
        emit: Callable[[events.Event], None],
        save: Callable[[Message], Message],
        done: Callable[[ToolCall, Outcome], None],
    ) -> None:
        self._parts = parts
        self._surface = surface
        self._turn = turn
        self._emit = emit
        self._save = save
        self._done = done
        self._last: tuple[tuple[str, str], ...] = ()
        self._repeats = 0

    @property
    def in_circles(self) -> bool:
        """Whether the model makes the same calls again and again."""
        return self._repeats >= SAME_CALLS

    async def carry_out(self, calls: Sequence[ToolCall], offered: frozenset[str]) -> None:
        """Run a step's calls and write their results down.

        Raises:
            Interrupted: the person stopped it; the calls that were left have results that say so.
        """
        same = tuple((call.name, call.arguments) for call in calls)
        self._repeats = self._repeats + 1 if same == self._last else 1
        self._last = same
        tokens = self._tokens_for_each(len(calls))
        left = list(calls)
        try:
            while left:
                # Neighbours that only read run side by side; all others one after the other.
                parallel = self._parts.toolbox.parallel
                count = next((i for i, call in enumerate(left) if not parallel(call)), len(left)) or 1
                running = [self._run(call, offered, tokens) for call in left[:count]]
                for result in await until_interrupt(asyncio.gather(*running), self._surface.interrupt):
                    self._save(result)
                del left[:count]
        except Interrupted:
            self.answer_all(left, STOPPED)
            raise

    def answer_all(self, calls: Sequence[ToolCall], text: str) -> None:
        """Give calls that are not run a result: every provider demands one."""
        for call in calls:
            self._save(self._parts.result(call, text, False))

    def _tokens_for_each(self, count: int) -> int:
        """The most that one output of a step with so many calls may hold: the step leaves half of the window free."""
        limit = window_of(self._parts.model.entries[0].settings, self._parts.context).limit
        return max(LEAST_TOKENS, min(limit // 4, limit // 2 // max(1, count)))

    async def _run(self, call: ToolCall, offered: frozenset[str], tokens: int) -> ToolMessage:
        toolbox = self._parts.toolbox
        self._emit(events.ToolStarted(call.id, call.name, toolbox.hint(call)))

        def progress(text: str) -> None:
            self._emit(events.ToolProgress(call.id, text))

        done = await toolbox.run(call, offered, self._surface, self._turn, progress, tokens)
        self._done(call, done)
        self._emit(
            events.ToolFinished(
                call.id, call.name, done.ok, done.summary, done.text, done.seconds, done.refused, done.diff
            )
        )
        return self._parts.result(call, done.text, done.ok, done.images, done.source)
