from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

import pytest

from alpi.agent.accounts import Accounts, CallPlan
from alpi.base.message import Usage
from alpi.base.schema import BudgetConfig, PriceConfig
from alpi.cli.accounts import USUAL_ANSWER, ProfileAccounts, budgets
from alpi.providers.catalog import preset
from alpi.providers.prices import PriceBook
from alpi.safety.policy import Caps, Policy
from alpi.state.budget import BudgetUsedUp, Cap
from alpi.state.ledger import Call, Ledger
from tests.support.disks import no_larger_than
from tests.support.fakes import FakeClock

OWN = {"openai/own": PriceConfig(input=1000.0, output=10_000.0)}


class Stage:
    """The accounts of a profile in a folder, and what they warned of."""

    def __init__(self, folder: Path, caps: Sequence[Cap] = ()) -> None:
        self.clock = FakeClock()
        self.ledger = Ledger(folder / "ledger.jsonl", self.clock, str, UTC)
        self.warned: list[str] = []

        def described(name: str):  # type: ignore[no-untyped-def]
            found = preset(name)
            assert found is not None
            return found

        prices = PriceBook(folder / "cache" / "prices.json", OWN, described)
        self.accounts: ProfileAccounts = ProfileAccounts(self.ledger, prices, caps, self.clock, self.warned.append)
        self.protocol: Accounts = self.accounts


def plan(model: str = "openai/own", input: int = 10, output: int = 1, asker: str = "person") -> CallPlan:
    return CallPlan(model, input, output, "s", "ask", asker)


def test_what_is_set_aside_is_the_estimate_at_the_models_price(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [Cap(usd=100.0)])
    call = stage.protocol.reserve(plan(input=10, output=2))
    assert stage.ledger.today().held_nano == (10 * 1000 + 2 * 10_000) * 1000
    cost = stage.protocol.settle(call, Usage(input=20, output=3))
    assert (cost.usd, cost.source) == (pytest.approx(0.05), "config.yaml")
    [done] = stage.ledger.calls(stage.ledger.day().start, stage.ledger.day().end)
    assert isinstance(done, Call) and (done.usd, done.source, done.input) == (0.05, "config.yaml", 20)


@pytest.mark.parametrize(("bound", "held"), [(0, USUAL_ANSWER), (100, 100), (32_000, USUAL_ANSWER)])
def test_of_an_answer_that_may_be_very_long_a_usual_one_is_set_aside(tmp_path: Path, bound: int, held: int) -> None:
    stage = Stage(tmp_path)
    stage.accounts.reserve(plan(input=1000, output=bound))
    assert stage.ledger.today().held_tokens == 1000 + held


def test_a_call_that_never_got_an_answer_costs_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    assert stage.accounts.settle(stage.accounts.reserve(plan()), None).usd == 0
    assert stage.accounts.today().tokens == 0


def test_the_budget_and_those_of_a_call_both_count(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [Cap(tokens=100)])
    peer = Cap("peer", tokens=30, asker="nas")
    stage.accounts.reserve(plan(input=20, asker="nas"), [peer])
    with pytest.raises(BudgetUsedUp) as refused:
        stage.accounts.reserve(plan(input=20, asker="nas"), [peer])
    assert refused.value.scope == "peer"
    stage.accounts.reserve(plan(input=60))
    with pytest.raises(BudgetUsedUp) as refused:
        stage.accounts.reserve(plan(input=60))
    assert refused.value.scope == "profile"


def test_an_unknown_price_is_warned_of_once_and_its_tokens_are_counted(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [Cap(usd=1.0)])
    stage.accounts.look_ahead(["openai/own", "openai/no-such"])
    assert len(stage.warned) == 1 and "openai/no-such is not known" in stage.warned[0]
    call = stage.accounts.reserve(plan("openai/no-such", 50))
    cost = stage.accounts.settle(call, Usage(input=50, output=5))
    assert (cost.usd, cost.source) == (None, "unknown")
    assert len(stage.warned) == 1
    spent = stage.accounts.today()
    assert (spent.usd, spent.tokens, spent.unknown) == (None, 55, 1)


def test_without_a_budget_in_usd_nothing_is_looked_up_before_the_answer(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [Cap(tokens=10**6)])
    stage.accounts.look_ahead(["openai/gpt-5.2"])
    call = stage.accounts.reserve(plan("openai/gpt-5.2"))
    assert not (tmp_path / "cache").exists()
    assert stage.accounts.settle(call, Usage(input=1000)).usd == pytest.approx(0.00175)
    assert (tmp_path / "cache" / "prices.json").exists()
    assert stage.warned == []


def test_what_runs_on_ones_own_machine_fits_into_a_budget_of_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [Cap(usd=0.0)])
    call = stage.accounts.reserve(plan("ollama/qwen3", 10**6))
    assert stage.accounts.settle(call, Usage(input=10**6)) == type(stage.accounts.settle("x", None))(0.0, "own machine")
    with pytest.raises(BudgetUsedUp):
        stage.accounts.reserve(plan())


def test_today_says_what_is_left(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [Cap(usd=1.0), Cap(tokens=2000)])
    assert stage.accounts.today().left == "1.00 USD left, 2,000 tokens left"
    call = stage.accounts.reserve(plan(input=100, output=1))
    assert stage.accounts.today().left == "0.89 USD left, 1,899 tokens left"
    stage.accounts.settle(call, Usage(input=100, cached=40, output=10))
    spent = stage.accounts.today()
    assert (spent.usd, spent.tokens, spent.cached, spent.cached_share, spent.calls) == (0.2, 110, 40, 0.4, 1)
    assert spent.left == "0.80 USD left, 1,890 tokens left"


def test_a_full_disk_when_settling_is_warned_of_and_raises_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    call = stage.accounts.reserve(plan())
    with no_larger_than(stage.ledger.path.stat().st_size + 5):
        assert stage.accounts.settle(call, Usage(input=10)).usd == pytest.approx(0.01)
    assert len(stage.warned) == 1 and "could not be written down" in stage.warned[0]
    assert stage.ledger.today().held == 1


@pytest.mark.parametrize(
    ("own", "machine", "expected"),
    [
        (BudgetConfig(), Caps(), []),
        (BudgetConfig(usd_per_day=2.0), Caps(), [(2.0, None)]),
        (BudgetConfig(usd_per_day=2.0, tokens_per_day=50), Caps(usd_per_day=1.0), [(1.0, None), (None, 50)]),
        (BudgetConfig(tokens_per_day=50), Caps(tokens_per_day=90), [(None, 50)]),
        (BudgetConfig(), Caps(tokens_per_day=90), [(None, 90)]),
        (BudgetConfig(usd_per_day=0.0), Caps(usd_per_day=5.0), [(0.0, None)]),
    ],
)
def test_the_smaller_of_the_profiles_and_the_machines_budget_counts(
    own: BudgetConfig, machine: Caps, expected: list[tuple[float | None, int | None]]
) -> None:
    assert [(cap.usd, cap.tokens) for cap in budgets(own, Policy(budget=machine))] == expected


def test_the_hint_says_whose_budget_it_is(tmp_path: Path) -> None:
    [mine] = budgets(BudgetConfig(usd_per_day=2.0), Policy())
    assert mine.hint == "To change it: alpi config set budget.usd_per_day AMOUNT"
    [theirs] = budgets(BudgetConfig(usd_per_day=2.0), Policy(Path("/etc/alpi/policy.yaml"), budget=Caps(1.0)))
    assert theirs.hint == "It is set for this machine, in /etc/alpi/policy.yaml"


def test_a_policy_file_caps_and_a_broken_one_allows_nothing(tmp_path: Path) -> None:
    import os

    path = tmp_path / "policy.yaml"
    tmp_path.chmod(0o755)
    path.write_text("budget: {tokens_per_day: 100}\n")
    path.chmod(0o644)
    good = Policy.load(path, owner=os.getuid())
    assert good.broken == ""
    assert [cap.tokens for cap in budgets(BudgetConfig(tokens_per_day=500), good)] == [100]
    path.write_text("budget: {tokens_per_day: many}\n")
    broken = Policy.load(path, owner=os.getuid())
    caps = budgets(BudgetConfig(), broken)
    assert [(cap.usd, cap.tokens) for cap in caps] == [(0, None), (None, 0)]
    with pytest.raises(BudgetUsedUp, match="cannot be relied on"):
        Stage(tmp_path, caps).accounts.reserve(plan("ollama/qwen3"))
