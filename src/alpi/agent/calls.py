"""Model calls of a turn: money is set aside, the answer streams in, what was used is written down. Nothing asks a model but this."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import msgspec

from ..base.message import Usage
from ..providers.retry import ChainEntry, ModelChain
from ..providers.types import Request
from .accounts import Accounts, CallPlan
from .context import request_tokens
from .reply import Reply
from .surface import Interrupt, Surface

T = TypeVar("T")

# How long a cancelled stream or tool may take to let go before the turn ends without it.
GRACE_SECONDS = 0.8


class Interrupted(Exception):
    """The person stopped the turn."""


async def until_interrupt(work: Coroutine[Any, Any, T] | asyncio.Future[T], interrupt: Interrupt) -> T:
    """Wait for some work, or stop it when the person interrupts: it gets a moment to let go, then the turn ends without it.

    Raises:
        Interrupted: the person stopped it.
    """
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(interrupt.wait())
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


class Models(Protocol):
    """Who answers, and who pays. ``Parts`` are such."""

    @property
    def model(self) -> ModelChain: ...

    @property
    def accounts(self) -> Accounts | None: ...


class ModelCalls:
    """Makes the model calls of one turn.

    Args:
        parts: the models, and the accounts where there are any.
        session: its id, for the ledger.
        surface: who asks, and can interrupt.
    """

    def __init__(self, parts: Models, session: str, surface: Surface) -> None:
        self._parts = parts
        self._session = session
        self._surface = surface
        self._plan: CallPlan | None = None
        self._reservation = ""
        self.usage = Usage()
        # What the calls cost together, in USD; None as soon as the price of one is not known.
        self.cost: float | None = None if parts.accounts is None else 0.0

    async def ask(self, build: Callable[[ChainEntry], Request], reply: Reply, purpose: str = "turn") -> None:
        """Ask the chain of models; ``reply`` takes the answer in. ``build`` makes the request for each model that is tried.

        Raises:
            Interrupted: the person stopped it; ``reply`` has what had arrived.
            OverBudget: it may cost more than what is left today. Nothing was sent.
        """

        def planned(entry: ChainEntry) -> Request:
            self._settle(None)  # the model before this one gave no answer
            request = build(entry)
            self._reserve(entry, request, purpose)
            return request

        stream = self._parts.model.stream(planned)
        finished = False
        try:
            await until_interrupt(reply.read(stream), self._surface.interrupt)
            finished = reply.failure is None
        finally:
            self._settle(self._used(reply, finished))
        self.usage += reply.usage or Usage()

    def _reserve(self, entry: ChainEntry, request: Request, purpose: str) -> None:
        settings = entry.settings
        self._plan = CallPlan(
            model=entry.full_name,
            input_tokens=request_tokens(request),
            output_tokens=settings.max_output_tokens and settings.max_output_tokens + settings.thinking_tokens,
            session=self._session,
            surface=self._surface.name,
            asker=self._surface.asker,
            purpose=purpose,
        )
        if self._parts.accounts is not None:
            self._reservation = self._parts.accounts.reserve(self._plan)

    def _settle(self, usage: Usage | None) -> None:
        reservation, self._reservation = self._reservation, ""
        if self._parts.accounts is not None and reservation:
            cost = self._parts.accounts.settle(reservation, usage)
            self.cost = None if self.cost is None or cost.usd is None else self.cost + cost.usd

    def _used(self, reply: Reply, finished: bool) -> Usage | None:
        """What a call used: as the provider counted it, or about what had arrived; ``None`` where nothing came."""
        usage = reply.usage or Usage()
        if finished and usage.input:
            return usage
        if not (usage.input or reply.arrived or finished):
            return None
        assert self._plan is not None
        return msgspec.structs.replace(
            usage, input=usage.input or self._plan.input_tokens, output=max(usage.output, reply.arrived_tokens)
        )
