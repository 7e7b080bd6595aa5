"""Budgets of a day: where a day begins and ends, what was used in it, and whether one more call fits. Pure; the ledger keeps the file.

Money is counted in whole nano-dollars here, so that sums are exact whatever their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal

from msgspec import Struct

from ..base.errors import OverBudget

NANO = 1_000_000_000
Scope = Literal["profile", "peer", "request"]


class Cap(Struct, frozen=True):
    """The most that may be used in a day; ``None``: no bound.

    ``scope`` says whose budget it is: the ``profile``'s, one ``peer``'s, or one ``request``'s. ``asker`` and ``session`` narrow what
    counts towards it to the calls of that asker or session. ``hint`` is what a person can do about it.
    """

    scope: Scope = "profile"
    usd: float | None = None
    tokens: int | None = None
    asker: str = ""
    session: str = ""
    hint: str = ""

    @property
    def name(self) -> str:
        """The budget in words."""
        return {
            "profile": "today's budget",
            "peer": f"today's budget of {self.asker}",
            "request": "the budget of this request",
        }[self.scope]


class BudgetUsedUp(OverBudget):
    """A call may cost more than a budget has left. ``scope`` and ``cap_kind`` say which, ``resets`` when it starts afresh."""

    def __init__(
        self, message: str, hint: str, *, scope: Scope, cap_kind: Literal["usd", "tokens"], resets: datetime
    ) -> None:
        super().__init__(message, hint)
        self.scope = scope
        self.cap_kind = cap_kind
        self.resets = resets


class Day(Struct, frozen=True):
    """A day of the profile's time zone: from its first moment to that of the next one, in that zone."""

    start: datetime
    end: datetime

    def __contains__(self, moment: object) -> bool:
        # On the timeline: two times of one zone are compared by their wall times otherwise, which repeat in autumn.
        return isinstance(moment, datetime) and self.start <= moment.astimezone(UTC) < self.end


def day_of(now: datetime, zone: tzinfo | None, back: int = 0) -> Day:
    """The day that a moment lies in, or the one ``back`` days before. ``zone`` of ``None``: the machine's own.

    A day of a change to or from summer time has 23 or 25 hours; where the change skips midnight, the day begins with the change.
    """
    date = now.astimezone(zone).date() - timedelta(days=back)
    first, after = (_midnight(datetime.combine(found, time()), zone) for found in (date, date + timedelta(days=1)))
    return Day(first, after)


def _midnight(naive: datetime, zone: tzinfo | None) -> datetime:
    moment = naive.astimezone() if zone is None else naive.replace(tzinfo=zone)
    # By way of the timeline, because a midnight that the clocks skip compares by its wall time otherwise.
    return datetime.fromtimestamp(moment.timestamp(), zone) if zone else moment


class Need(Struct, frozen=True):
    """What one call may take, at most: tokens, and nano-dollars (``None``: its price is not known)."""

    tokens: int
    nano: int | None


class Used(Struct, frozen=True):
    """What counts towards a budget so far."""

    tokens: int = 0
    nano: int = 0


def check(caps: Sequence[Cap], need: Need, used: Callable[[Cap], Used], now: datetime, day: Day) -> None:
    """See that a call fits into every budget.

    A call whose price is not known cannot be held against a budget in USD: it is let through as long as something of that is left. One
    that costs nothing fits into any.

    Raises:
        BudgetUsedUp: it does not fit.
    """
    for cap in caps:
        so_far = used(cap)
        if cap.tokens is not None and so_far.tokens + need.tokens > cap.tokens:
            told = (f"{so_far.tokens:,}", f"{cap.tokens:,} tokens", f"may take up to {need.tokens:,}")
            raise _used_up(cap, "tokens", told, now, day)
        if cap.usd is None or need.nano == 0:
            continue
        most = round(cap.usd * NANO)
        if so_far.nano >= most if need.nano is None else so_far.nano + need.nano > most:
            may = "has no known price" if need.nano is None else f"may cost up to {usd(need.nano / NANO)}"
            raise _used_up(cap, "usd", (usd(so_far.nano / NANO), f"{usd(cap.usd)} USD", may), now, day)


def _used_up(
    cap: Cap, kind: Literal["usd", "tokens"], told: tuple[str, str, str], now: datetime, day: Day
) -> BudgetUsedUp:
    used, most, may = told
    message = f"{cap.name}, {most}, does not allow this call: {used} is used or set aside, and the call {may}"
    hint = f"It starts afresh {resets(now, day)}{f'. {cap.hint}' if cap.hint else ''}"
    return BudgetUsedUp(message, hint, scope=cap.scope, cap_kind=kind, resets=day.end)


def resets(now: datetime, day: Day) -> str:
    """When a budget starts afresh: the local time, and how long that is from now."""
    minutes = max(1, round((day.end.astimezone(UTC) - now.astimezone(UTC)).total_seconds() / 60))
    span = f"{minutes} minute{'s' * (minutes > 1)}" if minutes < 100 else f"{round(minutes / 60)} hours"
    return f"at {day.end:%H:%M} (in {span})"


def usd(amount: float) -> str:
    """An amount of USD for people: cents, or as many digits as a small amount needs. What is not nothing is never shown as it."""
    if amount == 0 or amount >= 0.1:
        return f"{amount:,.2f}"
    digits = next((n for n in (2, 3, 4, 5, 6) if amount >= 10.0 ** (1 - n)), 0)
    if not digits:
        return "under 0.00001"
    whole, dot, cents = f"{amount:.{digits}f}".partition(".")
    return whole + dot + cents.rstrip("0").ljust(2, "0")
