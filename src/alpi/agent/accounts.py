"""What model calls cost: the protocol by which a turn sets money aside before a call and settles it afterwards."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ..base.message import Usage


class CallPlan(msgspec.Struct, frozen=True):
    """A model call that is about to be made. ``model`` as ``provider/model``; tokens are estimates, ``output_tokens`` the most that
    the answer may have (0: not bounded). ``purpose``: ``turn``, ``compaction``, ``web``."""

    model: str
    input_tokens: int
    output_tokens: int
    session: str
    surface: str
    asker: str
    purpose: str = "turn"


class CallCost(msgspec.Struct, frozen=True):
    """What a call cost in USD (``None``: the price is not known), and where the price comes from."""

    usd: float | None
    source: str


class Accounts(Protocol):
    """The ledger and the budgets, as a turn needs them (cli/runtime.py builds it over state/ledger.py)."""

    def reserve(self, plan: CallPlan) -> str:
        """Set aside what a call may cost, before it is made. Returns the reservation's name.

        Raises:
            OverBudget: it may cost more than what is left today; says of which budget, and when that resets.
            StorageError: the ledger cannot be read or written.
        """
        ...

    def settle(self, reservation: str, usage: Usage | None) -> CallCost:
        """Write down what the call used; ``None``: it never got an answer. Never raises for a full disk: the reservation then stands."""
        ...
