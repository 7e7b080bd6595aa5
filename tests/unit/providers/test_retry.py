"""The chain of models, with providers that play what they are told and a clock that does not wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from alpi.base.errors import ProviderError
from alpi.base.message import Reasoning, ToolCall, Usage
from alpi.providers.http import HttpProvider
from alpi.providers.openai_wire import OpenAIWire
from alpi.providers.retry import ChainEntry, ModelChain, RetryRules
from alpi.providers.types import (
    CallDelta,
    CallDone,
    Failure,
    Finished,
    ModelSettings,
    ProviderEvent,
    ReasoningDelta,
    ReasoningDone,
    Request,
    Retrying,
    TextDelta,
    UsageReport,
)
from tests.support.collect import Answer, collect
from tests.support.model_server import ModelServer, Reply

from .conversation import user


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Playing:
    """A provider that plays one list of events after the other."""

    def __init__(self, name: str, *plays: Sequence[ProviderEvent]) -> None:
        self.name = name
        self.plays = list(plays)
        self.asked: list[Request] = []
        self.closed = 0
        self.open_streams = 0

    async def stream(self, request: Request) -> AsyncIterator[ProviderEvent]:
        self.asked.append(request)
        self.open_streams += 1
        try:
            for event in self.plays.pop(0):
                await asyncio.sleep(0.0001)
                yield event
        finally:
            self.open_streams -= 1

    async def models(self) -> list[str]:
        if self.name == "down":
            raise ProviderError("down is down")
        return ["x", "y"]

    async def prepare(self, request: Request) -> None:
        self.asked.append(request)

    async def aclose(self) -> None:
        self.closed += 1


def failed(kind: Any = "overloaded", **more: Any) -> Failure:
    return Failure("a", "m", kind, f"A is {kind}", "wait", **{"retryable": kind != "auth", **more})


GOOD: list[ProviderEvent] = [TextDelta("yes"), UsageReport(Usage(1)), Finished("end")]


def run(
    *providers: Playing, rules: RetryRules | None = None, random: Callable[[], float] = lambda: 1.0
) -> tuple[Answer, FakeClock, list[ProviderEvent]]:
    clock = FakeClock()
    entries = [
        ChainEntry(provider, f"m{n}", ModelSettings(temperature=float(n))) for n, provider in enumerate(providers)
    ]
    chain = ModelChain(entries, clock=clock, random=random, rules=rules)

    def for_model(entry: ChainEntry) -> Request:
        return Request(entry.model, "", [user("x")], settings=entry.settings)

    async def main() -> list[ProviderEvent]:
        return [event async for event in chain.stream(for_model)]

    events = asyncio.run(main())
    answer = collect(events)
    assert answer.last_is_end
    assert len(answer.ends) == 1
    assert not any(provider.open_streams for provider in providers)
    return answer, clock, events


def test_an_answer_passes_through() -> None:
    answer, clock, events = run(Playing("a", GOOD))
    assert events == GOOD
    assert (answer.text, clock.slept) == ("yes", [])


def test_a_passing_failure_is_tried_again_after_a_growing_wait() -> None:
    answer, clock, _ = run(Playing("a", [failed()], [failed("timeout")], GOOD))
    assert answer.text == "yes"
    assert clock.slept == [0.5, 1.0]
    assert [(r.attempt, r.wait_seconds, r.next_model) for r in answer.retries] == [(2, 0.5, ""), (3, 1.0, "")]


def test_the_wait_is_drawn_from_the_whole_span_and_capped() -> None:
    draws = iter([0.0, 0.5, 1.0, 1.0])
    rules = RetryRules(attempts=5, base=8.0, cap=20.0)
    _, clock, _ = run(Playing("a", *[[failed()]] * 4, GOOD), rules=rules, random=lambda: next(draws))
    assert clock.slept == [0.0, 8.0, 20.0, 20.0]


def test_a_provider_is_never_asked_before_the_time_it_names() -> None:
    answer, clock, _ = run(Playing("a", [failed("rate_limit", retry_after=7.0)], GOOD), random=lambda: 0.0)
    assert (answer.text, clock.slept) == ("yes", [7.0])


def test_attempts_end() -> None:
    provider = Playing("a", *[[failed(status=529)]] * 9)
    answer, clock, _ = run(provider)
    assert len(provider.asked) == 3
    assert len(clock.slept) == 2
    assert answer.failure.message == "A is overloaded, 3 times in a row"
    assert (answer.failure.status, answer.failure.kind, answer.failure.hint) == (529, "overloaded", "wait")


def test_a_lasting_failure_is_told_as_it_is() -> None:
    answer, clock, events = run(Playing("a", [failed("auth")]))
    assert events == [failed("auth")]
    assert (answer.retries, clock.slept) == ([], [])


def test_too_long_a_wait_is_named_instead_of_waited() -> None:
    answer, clock, _ = run(Playing("a", [failed("rate_limit", retry_after=1800.0)]))
    assert clock.slept == []
    assert answer.failure.message == "A is rate_limit; it wants to be asked again in 30 min"
    assert answer.failure.retry_after == 1800.0


@pytest.mark.parametrize(
    "first", [failed("auth"), failed("rate_limit", retry_after=900.0), failed("not_found", retryable=False)]
)
def test_the_next_model_takes_over_with_its_own_settings(first: Failure) -> None:
    one, two = Playing("a", [first]), Playing("b", GOOD)
    answer, clock, _ = run(one, two)
    assert answer.text == "yes"
    assert clock.slept == []
    assert answer.retries == [Retrying(first, 1, 0.0, "b/m1")]
    assert (two.asked[0].model, two.asked[0].settings.temperature) == ("m1", 1.0)


def test_when_all_fail_the_person_hears_of_each() -> None:
    answer, _, _ = run(
        Playing("a", *[[failed()]] * 3), Playing("b", [replace(failed("auth"), message="B refused the key")])
    )
    assert answer.failure.message == "no model answered: A is overloaded, 3 times in a row; B refused the key"
    assert answer.failure.kind == "overloaded"


@pytest.mark.parametrize("shown", [TextDelta("half"), CallDelta(0, "f", ""), CallDone(ToolCall("x", "f", "{}"))])
def test_after_output_nothing_is_tried_again(shown: ProviderEvent) -> None:
    one, two = Playing("a", [shown, failed("broken_stream")], GOOD), Playing("b", GOOD)
    _, clock, events = run(one, two)
    assert events == [shown, failed("broken_stream")]
    assert (clock.slept, two.asked) == ([], [])


def test_thinking_does_not_stand_in_the_way_and_leaves_no_trace() -> None:
    thought = ReasoningDone(Reasoning("old", "seal"))
    new = ReasoningDone(Reasoning("new", "seal"))
    play = Playing("a", [ReasoningDelta("old"), thought, failed()], [ReasoningDelta("new"), new, *GOOD])
    answer, _, events = run(play)
    assert answer.reasoning == [Reasoning("new", "seal")]
    assert events.index(new) < events.index(TextDelta("yes"))
    answer, _, _ = run(Playing("a", [new, Finished("end")]))
    assert answer.reasoning == [Reasoning("new", "seal")]


def test_a_conversation_that_is_too_long_goes_back_to_who_asked() -> None:
    two = Playing("b", GOOD)
    answer, _, _ = run(Playing("a", [failed("too_long", retryable=False)]), two)
    assert answer.failure.kind == "too_long"
    assert two.asked == []


def test_a_stream_that_ends_without_an_end_is_a_failure() -> None:
    answer, _, _ = run(Playing("a", [], [], []))
    assert answer.failure.kind == "broken_stream"
    assert "3 times in a row" in answer.failure.message


def test_cancelling_ends_the_providers_stream() -> None:
    provider = Playing("a", [TextDelta("x")] * 100_000)
    chain = ModelChain([ChainEntry(provider, "m", ModelSettings())], clock=FakeClock(), random=lambda: 0.0)

    async def main() -> None:
        async def read() -> None:
            async for _ in chain.stream(lambda entry: Request("m", "", [])):
                pass

        task = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert provider.open_streams == 0


def test_the_rest_of_a_provider() -> None:
    a, b, down = Playing("a"), Playing("b"), Playing("down")
    entries = [ChainEntry(p, "m", ModelSettings()) for p in (a, a, down, b)]
    chain = ModelChain(entries, clock=FakeClock(), random=lambda: 0.0)

    async def main() -> None:
        assert chain.name == "a"
        assert await chain.models() == ["a/x", "a/y", "b/x", "b/y"]
        await chain.prepare(lambda entry: Request(entry.model, "", []))
        assert len(a.asked) == 1
        await chain.aclose()
        assert (a.closed, b.closed) == (1, 1)
        with pytest.raises(ProviderError):
            await ModelChain(entries[2:3], clock=FakeClock(), random=lambda: 0.0).models()

    asyncio.run(main())
    with pytest.raises(ValueError, match="at least one"):
        ModelChain([], clock=FakeClock(), random=lambda: 0.0)


def test_over_http_the_second_attempt_is_a_second_request() -> None:
    async def main() -> None:
        script = [Reply(status=503), Reply(status=429, headers={"Retry-After": "2"}), Reply("at last")]
        async with ModelServer(script) as server:
            clock = FakeClock()
            provider = HttpProvider("home", OpenAIWire(), server.url, clock=clock)
            chain = ModelChain([ChainEntry(provider, "m", ModelSettings())], clock=clock, random=lambda: 0.5)
            answer = collect([e async for e in chain.stream(lambda entry: Request(entry.model, "", [user("x")]))])
            await chain.aclose()
            assert answer.text == "at last"
            assert clock.slept == [0.25, 2.5]
            assert len({call.raw for call in server.model_calls}) == 1
            assert server.connections == 1

    asyncio.run(main())
