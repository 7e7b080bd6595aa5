"""The probe and what the doctor makes of it, against a scripted model over real HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from alpi.agent.accounts import CallCost, CallPlan
from alpi.base.clock import SystemClock
from alpi.base.errors import OverBudget
from alpi.base.message import Usage
from alpi.doctor.model import judged
from alpi.doctor.probe import TOOL, Probe, probe
from alpi.providers.build import http_provider
from alpi.providers.catalog import custom
from alpi.providers.retry import ChainEntry
from alpi.providers.types import ModelSettings
from tests.support.model_server import ModelServer
from tests.support.scripted import Reply
from tests.support.stage import in_loop

CALL = {"name": TOOL, "arguments": {"word": "ready"}}


class Books:
    """Accounts that remember."""

    def __init__(self, empty: bool = False) -> None:
        self.plans: list[CallPlan] = []
        self.settled: list[Usage | None] = []
        self._empty = empty

    def reserve(self, plan: CallPlan) -> str:
        if self._empty:
            raise OverBudget("the day's budget is used up", "Wait until midnight")
        self.plans.append(plan)
        return "r"

    def settle(self, reservation: str, usage: Usage | None) -> CallCost:
        self.settled.append(usage)
        return CallCost(0.0, "test")


async def probed(
    kind: str,
    *replies: Reply,
    seconds: float = 10.0,
    text_calls: bool = True,
    books: Books | None = None,
    key: str = "",
) -> tuple[Probe, ModelServer]:
    async with ModelServer(list(replies), key=key) as server:
        provider = http_provider(custom("home", kind, server.url))  # type: ignore[arg-type]
        entry = ChainEntry(provider, "scripted", ModelSettings(text_calls=text_calls))
        found = await probe(entry, clock=SystemClock(), seconds=seconds, accounts=books, session="doctor")
        await provider.aclose()
        return found, server


@in_loop
async def test_a_model_that_calls_the_tool(kind: str) -> None:
    found, server = await probed(kind, Reply(tool_calls=[CALL]))
    assert (found.answers, found.calls_tools, found.problem, found.kind) == (True, True, "", "")
    (call,) = server.model_calls
    assert len(call.raw) < 1200, "the probe is small"


@in_loop
async def test_one_that_prints_its_call_and_one_that_only_talks(kind: str) -> None:
    printed = '{"name": "' + TOOL + '", "arguments": {"word": "ready"}}'
    found, _ = await probed(kind, Reply(text=printed))
    assert (found.answers, found.calls_tools) == (True, True)
    found, _ = await probed(kind, Reply(text=printed), text_calls=False)
    assert (found.answers, found.calls_tools) == (True, False)
    found, _ = await probed(kind, Reply(text=["I am ", "ready."]))
    assert (found.answers, found.streams, found.calls_tools) == (True, True, False)
    finding = judged("home/scripted", found)
    assert finding.state == "warning" and "did not call the tool" in finding.text and finding.hint


@pytest.mark.parametrize(
    ("reply", "kinds", "state"),
    [
        (Reply(status=401, body={"error": {"message": "bad key"}}), ("auth",), "failed"),
        (Reply(status=404, body={"error": {"message": "no such model"}}), ("not_found",), "failed"),
        (Reply(status=429, body={"error": {"message": "slow down"}}), ("rate_limit",), "warning"),
        (Reply(text="x", cut_after=40), ("broken_stream", "unreachable", "bad_answer"), "failed"),
        (Reply(hang=True), ("slow",), "warning"),
    ],
)
def test_failures_keep_their_kind_and_say_what_to_do(reply: Reply, kinds: Sequence[str], state: str) -> None:
    @in_loop
    async def run() -> None:
        found, _ = await probed("openai", reply, seconds=0.5)
        assert not found.answers and found.kind in kinds and found.problem
        finding = judged("home/scripted", found)
        assert (finding.state, bool(finding.hint)) == (state, True)
        assert judged("home/scripted", found, spare=True).state == "warning"

    run()


@in_loop
async def test_it_is_charged_and_a_spent_budget_is_not_gone_over() -> None:
    books = Books()
    await probed("openai", Reply(tool_calls=[CALL], usage={"input": 90, "output": 12}), books=books)
    assert [(plan.model, plan.surface, plan.purpose) for plan in books.plans] == [("home/scripted", "doctor", "probe")]
    assert [(usage.input, usage.output) for usage in books.settled if usage] == [(90, 12)]
    found, server = await probed("openai", Reply(tool_calls=[CALL]), books=Books(empty=True))
    assert (found.answers, found.kind, server.model_calls) == (False, "budget", [])


@in_loop
async def test_nobody_there(tmp_path: Path) -> None:
    provider = http_provider(custom("home", "openai", "http://127.0.0.1:9/v1"))
    found = await probe(ChainEntry(provider, "m", ModelSettings()), clock=SystemClock())
    await provider.aclose()
    assert (found.answers, found.kind) == (False, "unreachable") and found.hint
