"""A chain of models: what fails for a moment is tried again, what fails for good is handed to the next model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import msgspec

from ..base.clock import Clock
from ..base.errors import ProviderError
from .types import (
    CallDelta,
    CallDone,
    Failure,
    Finished,
    ModelSettings,
    Provider,
    ProviderEvent,
    ReasoningDone,
    Request,
    Retrying,
    TextDelta,
)


class ChainEntry(msgspec.Struct, frozen=True):
    """One model of the chain: who runs it, its name there, and how it wants to be asked."""

    provider: Provider
    model: str
    settings: ModelSettings

    @property
    def full_name(self) -> str:
        """``provider/model``, as the configuration writes it."""
        return f"{self.provider.name}/{self.model}"


class RetryRules(msgspec.Struct, frozen=True):
    """How patient the chain is. ``attempts`` counts per model. Seconds: the wait before attempt n+1 is drawn evenly from 0 to
    ``base * 2**(n-1)``, at most ``cap``; a provider that asks for more than ``longest`` is not waited for."""

    attempts: int = 3
    base: float = 0.5
    cap: float = 30.0
    longest: float = 60.0


class ModelChain:
    """Models in the order in which they are to be tried.

    Once the first piece of an answer was passed on, nothing is tried again: the person has seen it. Until then a failure that
    may pass is retried, and any other goes to the next model, except that a conversation is too long: then shortening it
    helps, and the one who asked knows how.

    Args:
        entries: at least one.
        clock: waits.
        random: an evenly drawn number from 0 to 1.
    """

    def __init__(
        self,
        entries: Sequence[ChainEntry],
        *,
        clock: Clock,
        random: Callable[[], float],
        rules: RetryRules | None = None,
    ) -> None:
        if not entries:
            raise ValueError("a chain needs at least one model")
        self.entries = tuple(entries)
        self._clock = clock
        self._random = random
        self._rules = rules or RetryRules()

    @property
    def name(self) -> str:
        """The provider of the first model."""
        return self.entries[0].provider.name

    async def stream(self, for_model: Callable[[ChainEntry], Request]) -> AsyncGenerator[ProviderEvent, None]:
        """Answer the request that ``for_model`` makes for each model that is tried.

        Yields the answering model's events, between them ``Retrying``: its ``next_model`` names the model that the events
        after it come from. Ends with exactly one ``Finished`` or ``Failure``; raises nothing but cancellation.
        """
        tried: list[tuple[ChainEntry, int, Failure]] = []
        for place, entry in enumerate(self.entries):
            request = for_model(entry)
            failure: Failure | None = None
            attempt = 0
            while True:
                attempt += 1
                passed_on = False
                async with aclosing(self._once(entry, request)) as events:
                    async for event in events:
                        if isinstance(event, Failure):
                            failure = event
                            break
                        passed_on = passed_on or isinstance(event, TextDelta | CallDelta | CallDone)
                        yield event
                        if isinstance(event, Finished):
                            return
                assert failure is not None
                if passed_on:
                    yield failure
                    return
                wait = self._wait(failure, attempt)
                if wait is None:
                    break
                yield Retrying(failure, attempt + 1, wait)
                await self._clock.sleep(wait)
            tried.append((entry, attempt, failure))
            if failure.kind == "too_long" or place + 1 == len(self.entries):
                break
            yield Retrying(failure, 1, 0.0, self.entries[place + 1].full_name)
        yield _told(tried, self._rules)

    async def _once(self, entry: ChainEntry, request: Request) -> AsyncGenerator[ProviderEvent, None]:
        """One attempt. Finished thinking is held back until output follows: that of a failed attempt must not be kept."""
        held: list[ReasoningDone] = []
        stream = entry.provider.stream(request)
        try:
            async for event in stream:
                if isinstance(event, ReasoningDone):
                    held.append(event)
                    continue
                if isinstance(event, TextDelta | CallDelta | CallDone | Finished):
                    for done in held:
                        yield done
                    held.clear()
                yield event
                if isinstance(event, Finished | Failure):
                    return
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        yield Failure(
            entry.provider.name,
            entry.model,
            "broken_stream",
            f"{entry.provider.name} stopped answering without saying why",
            "try again",
            retryable=True,
        )

    def _wait(self, failure: Failure, attempt: int) -> float | None:
        """Seconds until the next attempt at the same model, or ``None`` for none."""
        rules = self._rules
        if not failure.retryable or attempt >= rules.attempts:
            return None
        jitter = self._random() * min(rules.cap, rules.base * 2.0 ** (attempt - 1))
        if failure.retry_after is None:
            return jitter
        # Nobody is to come back earlier than asked, nor all at the same moment.
        return failure.retry_after + jitter if failure.retry_after <= rules.longest else None

    async def models(self) -> list[str]:
        """The models of every provider in the chain, as ``provider/model``.

        Raises:
            ProviderError: none of the providers could be asked.
        """
        names: list[str] = []
        first: ProviderError | None = None
        providers = {entry.provider.name: entry.provider for entry in self.entries}
        for provider in providers.values():
            try:
                names += [f"{provider.name}/{name}" for name in await provider.models()]
            except ProviderError as error:
                first = first or error
        if first is not None and not names:
            raise first
        return names

    async def prepare(self, for_model: Callable[[ChainEntry], Request]) -> None:
        """Make the first model ready."""
        await self.entries[0].provider.prepare(for_model(self.entries[0]))

    async def aclose(self) -> None:
        """Close every provider of the chain."""
        for provider in {id(entry.provider): entry.provider for entry in self.entries}.values():
            await provider.aclose()


def _told(tried: list[tuple[ChainEntry, int, Failure]], rules: RetryRules) -> Failure:
    """The failure of the whole chain: the first model's, with what was tried. A conversation that is too long wins."""
    if tried[-1][2].kind == "too_long":
        return tried[-1][2]
    said = [_said(failure, attempts, rules) for _, attempts, failure in tried]
    first = tried[0][2]
    if len(tried) == 1:
        return msgspec.structs.replace(first, message=said[0])
    return msgspec.structs.replace(first, message="no model answered: " + "; ".join(said))


def _said(failure: Failure, attempts: int, rules: RetryRules) -> str:
    text = failure.message
    if attempts > 1:
        text += f", {attempts} times in a row"
    if failure.retry_after is not None and failure.retry_after > rules.longest:
        text += f"; it wants to be asked again in {_span(failure.retry_after)}"
    return text


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
