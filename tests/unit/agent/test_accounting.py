"""Each model call is paid for: money is set aside before the request leaves, and settled with what was used, whatever happens."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from alpi.agent import events
from alpi.agent.accounts import CallCost, CallPlan
from alpi.agent.surface import Unattended
from alpi.agent.turn import Draft
from alpi.base.errors import OverBudget
from alpi.base.message import Usage
from alpi.providers.types import ModelSettings
from tests.support.fakes import FakeTool, Person
from tests.support.model_server import ModelServer, Recorded, Reply
from tests.support.stage import Stage, ended, in_loop, of


@dataclass
class Book:
    """Accounts in memory: half a cent a call, as long as there are calls left."""

    calls: int = 100
    price: float | None = 0.005
    plans: list[CallPlan] = field(default_factory=list)
    settled: list[Usage | None] = field(default_factory=list)

    def reserve(self, plan: CallPlan) -> str:
        if len(self.plans) >= self.calls:
            raise OverBudget("the budget of 0.01 USD a day is used up", "It begins anew at midnight")
        self.plans.append(plan)
        return f"r{len(self.plans)}"

    def settle(self, reservation: str, usage: Usage | None) -> CallCost:
        assert reservation == f"r{len(self.settled) + 1}", "settled twice, or out of turn"
        self.settled.append(usage)
        return CallCost(0.0 if usage is None else self.price, "test")


CALL = Reply(tool_calls=[{"name": "look", "arguments": {}}], usage={"input": 100, "output": 10})


@in_loop
async def test_each_call_is_planned_and_settled_and_the_turn_says_what_it_cost(kind: str, tmp_path: Path) -> None:
    book = Book()
    settings = ModelSettings(max_output_tokens=700)
    done = Reply(text="done", usage={"input": 120, "output": 5, "cached": 90})
    async with (
        ModelServer([CALL, done]) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("look")], settings=settings, accounts=book) as stage,
    ):
        seen = await stage.turn("hi", Unattended("gateway", asker="chat 7"))
        assert ended(seen).cost_usd == 0.01
        assert ended(seen).usage.cached == 90
        first = book.plans[0]
        assert (first.model, first.output_tokens, first.purpose) == ("home/scripted", 700, "turn")
        assert (first.session, first.surface, first.asker) == (stage.session.id, "gateway", "chat 7")
        assert 0.5 < first.input_tokens / (len(server.model_calls[0].raw) / 4) < 2
        assert [usage and usage.input for usage in book.settled] == [100, 120]


@in_loop
async def test_no_price_for_one_call_is_no_price_for_the_turn(kind: str, tmp_path: Path) -> None:
    async with ModelServer(["a", "b"]) as server:
        async with Stage(server, kind=kind, folder=tmp_path, accounts=Book(price=None)) as stage:
            assert ended(await stage.turn("hi")).cost_usd is None
        async with Stage(server, kind=kind, folder=tmp_path) as stage:
            assert ended(await stage.turn("hi")).cost_usd is None, "nobody counted"


@in_loop
async def test_over_budget_ends_the_turn_before_a_request_leaves(kind: str, tmp_path: Path) -> None:
    async with (
        ModelServer(["x"]) as server,
        Stage(server, server, kind=kind, folder=tmp_path, accounts=Book(calls=0)) as stage,
    ):
        seen = await stage.turn("hi")
        (failed,) = of(events.Failed, seen)
        assert (failed.exit_code, failed.message) == (4, "the budget of 0.01 USD a day is used up")
        assert "midnight" in failed.hint
        assert (ended(seen).stop, server.model_calls) == ("failed", [])


@in_loop
async def test_over_budget_in_the_middle_keeps_what_was_done(kind: str, tmp_path: Path) -> None:
    book = Book(calls=1)
    async with (
        ModelServer([CALL, "x"]) as server,
        Stage(server, kind=kind, folder=tmp_path, tools=[FakeTool("look")], accounts=book) as stage,
    ):
        seen = await stage.turn("hi")
        assert of(events.Failed, seen)[0].exit_code == 4
        assert ended(seen).cost_usd == 0.005
        assert len(server.model_calls) == 1
        assert len(stage.on_disk()) == 3, "question, call and result"


@in_loop
async def test_a_call_without_an_answer_costs_nothing_and_each_model_of_the_chain_is_planned(
    kind: str, tmp_path: Path
) -> None:
    book = Book()
    async with (
        ModelServer([Reply(status=401)]) as first,
        ModelServer(["fine"]) as spare,
        Stage(first, spare, kind=kind, folder=tmp_path, accounts=book) as stage,
    ):
        assert ended(await stage.turn("hi")).text == "fine"
        assert [plan.model for plan in book.plans] == ["home/scripted", "spare1/scripted"]
        assert book.settled[0] is None
        assert book.settled[1] is not None


@in_loop
async def test_what_had_arrived_of_a_broken_or_stopped_answer_is_settled(kind: str, tmp_path: Path) -> None:
    broken = Reply(text=["word "] * 200, truncate=4, usage=False, cut_after=4000)
    endless = Reply(text=["word "] * 4000, chunk_delay=0.01)
    book = Book()
    async with (
        ModelServer([broken, endless]) as server,
        Stage(server, kind=kind, folder=tmp_path, accounts=book) as stage,
    ):
        assert ended(await stage.turn("hi")).stop == "failed"
        person = Person()
        arrived = 0
        async for event in stage.agent.turn(stage.session, Draft("again"), person):
            arrived += isinstance(event, events.Text)
            if arrived > 50:
                person.interrupt.set()
        for usage in book.settled:
            assert usage is not None
            assert usage.input > 50
            assert usage.output >= 20
        assert len(book.settled) == 2


@in_loop
async def test_an_answer_that_nobody_counted_is_estimated(kind: str, tmp_path: Path) -> None:
    book = Book()
    async with (
        ModelServer([Reply(text="word " * 100, usage=False)]) as server,
        Stage(server, kind=kind, folder=tmp_path, accounts=book) as stage,
    ):
        await stage.turn("hi")
        (usage,) = book.settled
        assert usage is not None
        assert usage.input > 50
        assert usage.output >= 100


@in_loop
async def test_a_summary_is_paid_for_as_one(kind: str, tmp_path: Path) -> None:
    def asks_for_summary(request: Recorded) -> bool:
        return "this conversation fills your window" in json.dumps(request.body)

    book = Book()
    script = [Reply(text="short", match=asks_for_summary), Reply(text="a long answer " * 100, repeat=True)]
    async with ModelServer(script) as server, Stage(server, kind=kind, folder=tmp_path, accounts=book) as stage:
        for _ in range(5):
            await stage.turn("go on")
        assert [type(e) async for e in stage.agent.compact(stage.session, Unattended("test"))] == [
            events.Compacting,
            events.Compacted,
        ]
        assert [plan.purpose for plan in book.plans] == ["turn"] * 5 + ["compaction"]
        book.calls = 6
        for _ in range(3):  # over budget: nothing changes, and the person is told
            stage.session.append(stage.session.messages[0])
            stage.session.append(stage.session.messages[1])
        seen = [event async for event in stage.agent.compact(stage.session, Unattended("test"))]
        assert "the budget of 0.01 USD a day is used up" in of(events.Notice, seen)[0].text
        assert len(stage.session.summaries) == 1
