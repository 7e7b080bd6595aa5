"""A peer's turn while it runs: its stream back to the caller, the word to stop, and what it came to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from ..core import methods
from ..core.envelope import Stream
from ..core.errors import LinkError
from ..core.methods import AskParams, AskResult, Fault
from ..core.peers import Peer
from .handler import AskRefused, CapReached, Handler

PIECE = 128 << 10
"""Characters of one chunk at most: it has to fit into a frame, whatever they are."""
KEPT_TEXT = 1 << 16
"""Characters of the answer that are kept for the case that the turn is cut off."""


class Answering(Protocol):
    """A connection as an ask sees it."""

    def answer_result(self, peer: Peer, id: str, result: dict[str, Any], stream: Stream = "") -> None:
        """Send a result. Raises ``LinkError`` where it does not fit into a frame; does nothing once the connection is gone."""
        ...

    def answer_fault(self, peer: Peer, id: str, fault: Fault, stream: Stream = "") -> None:
        """Send an answer that says no."""
        ...

    async def drained(self) -> None:
        """Wait until the caller has read enough for more to be sent."""
        ...

    def ask_done(self) -> None:
        """The ask is answered; the connection may go on."""
        ...


class RunningAsk:
    """One turn of one peer. It is an ``AskStream`` for the handler.

    Args:
        id: the request's.
        link: where the answer goes.
        ended: called once, with this and with what went wrong inside (``None``: nothing), before the answer is sent.
    """

    def __init__(
        self,
        peer: Peer,
        id: str,
        params: AskParams,
        link: Answering,
        ended: Callable[[RunningAsk, BaseException | None], None],
    ) -> None:
        self.peer = peer
        self.session_id = ""
        self.cancelled = asyncio.Event()
        self.done = asyncio.Event()
        self._id = id
        self._params = params
        self._link = link
        self._ended = ended
        self._kept = ""
        self._task: asyncio.Task[AskResult] | None = None
        self._killer: asyncio.TimerHandle | None = None

    def start(self, handler: Handler) -> None:
        """Begin the turn."""
        self._task = asyncio.get_running_loop().create_task(handler.ask(self.peer, self._params, self))
        self._task.add_done_callback(self._finish)

    def stop(self, grace: float) -> None:
        """Have it stop at once; after ``grace`` seconds its task is cancelled. Saying it again changes nothing."""
        if self.cancelled.is_set() or self._task is None:
            return
        self.cancelled.set()
        self._killer = asyncio.get_running_loop().call_later(grace, self._task.cancel)

    async def begin(self, session_id: str) -> None:
        """See ``AskStream``."""
        if self.session_id:
            raise RuntimeError("the session was named before")
        self.session_id = session_id
        self._chunk({"text": "", "session_id": session_id})
        await self._link.drained()

    async def text(self, delta: str) -> None:
        """See ``AskStream``."""
        if not self.session_id:
            raise RuntimeError("the session must be named first")
        self._kept = (self._kept + delta)[:KEPT_TEXT]
        for start in range(0, len(delta), PIECE):
            self._chunk({"text": delta[start : start + PIECE]})
            await self._link.drained()

    def _chunk(self, result: dict[str, Any]) -> None:
        if self._params.stream:
            self._link.answer_result(self.peer, self._id, result, "chunk")

    def _finish(self, task: asyncio.Task[AskResult]) -> None:
        if self._killer is not None:
            self._killer.cancel()
        error = None if task.cancelled() else task.exception()
        expected = error is None or isinstance(error, CapReached | AskRefused)
        self._ended(self, None if expected else error)
        final: Stream = "final" if self._params.stream else ""
        try:
            if error is None:
                result = AskResult(self._kept, self.session_id, interrupted=True) if task.cancelled() else task.result()
                self._link.answer_result(self.peer, self._id, result.body(), final)
            else:
                self._link.answer_fault(self.peer, self._id, _fault(error), final)
        except LinkError:  # the answer is too long for a frame, or holds what JSON cannot
            self._link.answer_fault(self.peer, self._id, methods.INTERNAL_ERROR, final)
        self.done.set()
        self._link.ask_done()


def _fault(error: BaseException) -> Fault:
    if isinstance(error, CapReached):
        return methods.budget_exceeded(error.cap)
    return methods.TARGET_BUSY if isinstance(error, AskRefused) else methods.INTERNAL_ERROR
