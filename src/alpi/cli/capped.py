"""Accounts with a bound of their own on top of the profile's budgets: for one ask of a peer, for one piece of research."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..agent.accounts import CallCost, CallPlan
from ..base.message import Usage
from ..state.budget import BudgetUsedUp, Cap
from ..state.ledger import Ledger


class Payer(Protocol):
    """Whose money it is: the profile's accounts, or others with a bound."""

    @property
    def ledger(self) -> Ledger: ...

    def reserve(self, plan: CallPlan, caps: Sequence[Cap] = ()) -> str: ...

    def settle(self, reservation: str, usage: Usage | None) -> CallCost: ...


class CappedAccounts:
    """Implements ``agent.accounts.Accounts``.

    Args:
        accounts: the profile's, or such as these once more.
        caps: further budgets of the day that calls must fit into.
        tokens, usd: the most that all calls together may use; ``None``: no bound.
    """

    def __init__(
        self,
        accounts: Payer,
        caps: Sequence[Cap] = (),
        tokens: int | None = None,
        usd: float | None = None,
    ) -> None:
        self._accounts = accounts
        self._caps = tuple(caps)
        self.most_tokens = tokens
        self._most_usd = usd
        self.tokens = 0
        self.usd = 0.0
        self.over: BudgetUsedUp | None = None

    @property
    def ledger(self) -> Ledger:
        return self._accounts.ledger

    def reserve(self, plan: CallPlan, caps: Sequence[Cap] = ()) -> str:
        """See ``Accounts``. Which budget was in the way is kept in ``over``."""
        try:
            self._check(plan)
            return self._accounts.reserve(plan, (*self._caps, *caps))
        except BudgetUsedUp as error:
            self.over = error
            raise

    def settle(self, reservation: str, usage: Usage | None) -> CallCost:
        """See ``Accounts``."""
        cost = self._accounts.settle(reservation, usage)
        if usage is not None:
            self.tokens += usage.input + usage.output
            self.usd += cost.usd or 0.0
        return cost

    def _check(self, plan: CallPlan) -> None:
        """See that a call fits into what these calls may use together."""
        resets = self._accounts.ledger.day().end
        if self.most_tokens is not None and self.tokens + plan.input_tokens >= self.most_tokens:
            said = f"{self.tokens:,} of {self.most_tokens:,} tokens are used, and the next call sends {plan.input_tokens:,}"
            raise BudgetUsedUp(
                f"the budget of this request does not allow it: {said}",
                "",
                scope="request",
                cap_kind="tokens",
                resets=resets,
            )
        if self._most_usd is not None and self.usd >= self._most_usd:
            raise BudgetUsedUp(
                f"the budget of this request, {self._most_usd:g} USD, is used up",
                "",
                scope="request",
                cap_kind="usd",
                resets=resets,
            )
