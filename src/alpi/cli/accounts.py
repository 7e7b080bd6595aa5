"""The accounts of a profile: prices, ledger and budgets put together for turns, and what was spent today for a header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

from ..agent.accounts import CallCost, CallPlan
from ..base.clock import Clock
from ..base.errors import StorageError
from ..base.message import Usage
from ..state.budget import NANO, Cap, usd
from ..state.ledger import Ledger, Sum

if TYPE_CHECKING:
    from ..base.paths import ProfilePaths
    from ..base.schema import BudgetConfig, Config
    from ..providers.prices import PriceBook
    from ..safety.policy import Policy
    from .connect import Connections

USUAL_ANSWER = 4096
"""Tokens that are set aside for an answer, or fewer where it is bounded to fewer. Few answers are longer; the bound of many models
is so high that a small budget would never allow a single call. A longer one may go over the budget, by what it is longer."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used today. ``usd`` of ``None``: no price is known; ``unknown`` calls have none. ``left`` says what is left of the budgets,
    in a few words, ``""`` where there is none. Tokens include ``cached``; ``cached_share`` is that of what was sent, 0..1."""

    usd: float | None
    tokens: int
    cached: int
    cached_share: float
    calls: int
    unknown: int
    left: str


class ProfileAccounts:
    """The accounts of a profile. Implements ``agent.accounts.Accounts``.

    Args:
        caps: the profile's own budgets (see ``budgets``); those of a peer or request come with each call.
        warn: is told, once for each, what the person should know: a budget that cannot be held, a ledger that cannot be written.
    """

    def __init__(
        self, ledger: Ledger, prices: PriceBook, caps: Sequence[Cap], clock: Clock, warn: Callable[[str], None]
    ) -> None:
        self.ledger = ledger
        self.caps = tuple(caps)
        self._prices = prices
        self._clock = clock
        self._warn = warn
        self._warned: set[str] = set()

    def reserve(self, plan: CallPlan, caps: Sequence[Cap] = ()) -> str:
        """See ``Accounts``. ``caps`` are further budgets that the call must fit into."""
        caps = (*self.caps, *caps)
        output = min(plan.output_tokens or USUAL_ANSWER, USUAL_ANSWER)
        return self.ledger.reserve(
            model=plan.model,
            surface=plan.surface,
            asker=plan.asker,
            session=plan.session,
            purpose=plan.purpose,
            tokens=plan.input_tokens + output,
            usd=self._most(plan.model, plan.input_tokens, output, any(cap.usd is not None for cap in caps)),
            caps=caps,
        )

    def settle(self, reservation: str, usage: Usage | None) -> CallCost:
        """See ``Accounts``."""
        call = self.ledger.held_for(reservation)
        if call is None or usage is None:
            cost = CallCost(0.0, "no answer")
        else:
            price = self._prices.price(call.model, call.time)
            cost = CallCost(price.cost(usage), price.source)
        try:
            self.ledger.settle(reservation, usage, cost.usd, cost.source)
        except StorageError as error:
            self._warn_once(
                f"what this call cost could not be written down ({error.message}); what was set aside counts"
            )
        return cost

    def look_ahead(self, models: Sequence[str]) -> None:
        """Warn now where a budget in USD cannot be held for want of a price. Loads the price list only if there is such a budget."""
        if any(cap.usd is not None for cap in self.caps):
            for model in models:
                self._most(model, 0, 0, needed=True)

    def today(self) -> Spent:
        """What was used today, with little reading: quick enough to be called after each turn.

        Raises:
            StorageError: the ledger cannot be read.
        """
        found = self.ledger.today()
        return Spent(
            found.usd, found.tokens, found.cached, found.cached_share, found.calls, found.unknown, self._left(found)
        )

    def _left(self, found: Sum) -> str:
        used, left = found.used(), []
        for cap in self.caps:
            if cap.usd is not None:
                left.append(f"{usd(max(0.0, cap.usd - used.nano / NANO))} USD left")
            if cap.tokens is not None:
                left.append(f"{max(0, cap.tokens - used.tokens):,} tokens left")
        return ", ".join(left)

    def _most(self, model: str, input_tokens: int, output_tokens: int, needed: bool) -> float | None:
        """USD that a call may cost; ``None`` where it is not known, or not needed and would have to be looked up first."""
        now = self._clock.now()
        price = self._prices.price(model, now) if needed else self._prices.quick(model, now)
        most = None if price is None else price.most(input_tokens, output_tokens)
        if most is None and needed:
            self._warn_once(
                f"the price of {model} is not known, so the budget in USD cannot be held for it; its tokens are counted "
                f"(set its price: alpi config set models.{model}.price '{{input: 3, output: 15}}', or a budget.tokens_per_day)"
            )
        return most

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)


def profile_accounts(
    config: Config,
    policy: Policy,
    paths: ProfilePaths,
    connections: Connections,
    clock: Clock,
    zone: tzinfo | None,
    warn: Callable[[str], None],
) -> ProfileAccounts:
    """The accounts of a profile with its settings. ``warn`` as for ``ProfileAccounts``."""
    from ..providers.prices import PriceBook

    ledger = Ledger(paths.ledger, clock, connections.redact, zone)
    own = {name: model.price for name, model in config.models.items() if model.price is not None}
    prices = PriceBook(paths.cache / "prices.json", own, connections.described)
    return ProfileAccounts(ledger, prices, budgets(config.budget, policy), clock, warn)


def budgets(budget: BudgetConfig, policy: Policy) -> tuple[Cap, ...]:
    """The budgets of a profile: its own or the machine's, whichever is smaller. A broken policy leaves nothing."""
    most = policy.budget_caps()
    found = []
    for kind, own, theirs in (
        ("usd", budget.usd_per_day, most.usd_per_day),
        ("tokens", budget.tokens_per_day, most.tokens_per_day),
    ):
        if own is None and theirs is None:
            continue
        limited = own is None or (theirs is not None and theirs < own)
        hint = f"To change it: alpi config set budget.{kind}_per_day AMOUNT"
        if limited:
            hint = policy.broken_reason() or f"It is set for this machine, in {policy.path}"
        amount = theirs if limited else own
        found.append(Cap(usd=amount, hint=hint) if kind == "usd" else Cap(tokens=int(amount or 0), hint=hint))
    return tuple(found)
