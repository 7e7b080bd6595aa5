from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alpi.base.errors import OverBudget
from alpi.state.budget import NANO, BudgetUsedUp, Cap, Day, Need, Used, check, day_of, resets, usd

MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 25, 16, 20, tzinfo=MADRID)
TODAY = day_of(NOW, MADRID)


def hours(day: Day) -> float:
    return (day.end.astimezone(UTC) - day.start.astimezone(UTC)).total_seconds() / 3600


@pytest.mark.parametrize(
    ("zone", "noon", "long", "first"),
    [
        ("Europe/Madrid", datetime(2026, 11, 25, 12), 24, "2026-11-24T23:00"),
        ("Europe/Madrid", datetime(2026, 3, 29, 12), 23, "2026-03-28T23:00"),
        ("Europe/Madrid", datetime(2026, 10, 25, 12), 25, "2026-10-24T22:00"),
        ("Africa/Cairo", datetime(2024, 4, 26, 12), 23, "2024-04-25T22:00"),  # midnight is skipped: 00:00 becomes 01:00
        ("America/Havana", datetime(2024, 11, 3, 12), 25, "2024-11-03T04:00"),  # midnight comes twice
        ("Australia/Lord_Howe", datetime(2026, 4, 5, 12), 24.5, "2026-04-04T13:00"),
        ("Asia/Kathmandu", datetime(2026, 4, 5, 12), 24, "2026-04-04T18:15"),
    ],
)
def test_a_day_is_the_zones_own(zone: str, noon: datetime, long: float, first: str) -> None:
    place = ZoneInfo(zone)
    day = day_of(noon.replace(tzinfo=place), place)
    assert hours(day) == long
    assert day.start.astimezone(UTC).isoformat(timespec="minutes") == f"{first}+00:00"
    before = day_of(noon.replace(tzinfo=place), place, back=1)
    assert before.end.astimezone(UTC) == day.start.astimezone(UTC)


def test_every_moment_lies_in_its_own_day_alone() -> None:
    moment = datetime(2026, 10, 23, tzinfo=UTC)
    while moment < datetime(2026, 10, 28, tzinfo=UTC):
        day = day_of(moment, MADRID)
        assert moment in day and moment.astimezone(MADRID) in day
        assert moment not in day_of(moment, MADRID, back=1)
        moment += timedelta(minutes=30)


def test_without_a_zone_the_machines_own_counts() -> None:
    day = day_of(NOW, None)
    assert NOW in day
    assert (day.start.hour, day.start.minute) == (0, 0)


def used(tokens: int = 0, dollars: float = 0.0) -> Used:
    return Used(tokens, round(dollars * NANO))


def refused(cap: Cap, need: Need, so_far: Used) -> BudgetUsedUp | None:
    try:
        check([cap], need, lambda _: so_far, NOW, TODAY)
    except BudgetUsedUp as error:
        return error
    return None


@pytest.mark.parametrize(
    ("cap", "need", "so_far", "kind"),
    [
        (Cap(tokens=100), Need(100, None), used(), None),
        (Cap(tokens=100), Need(101, None), used(), "tokens"),
        (Cap(tokens=100), Need(60, 0), used(41), "tokens"),
        (Cap(tokens=0), Need(1, 0), used(), "tokens"),
        (Cap(usd=1.0), Need(5, NANO), used(), None),
        (Cap(usd=1.0), Need(5, NANO + 1), used(), "usd"),
        (Cap(usd=1.0), Need(5, 1), used(0, 1.0), "usd"),
        (Cap(usd=0.0), Need(5, 1), used(), "usd"),
        (Cap(usd=0.0), Need(5, 0), used(9, 2.0), None),  # what costs nothing is never too dear
        (Cap(usd=1.0), Need(5, None), used(9, 0.99), None),  # an unknown price cannot be held against it
        (Cap(usd=1.0), Need(5, None), used(9, 1.0), "usd"),
        (Cap(), Need(10**9, 10**15), used(10**9, 1e6), None),
    ],
)
def test_what_fits(cap: Cap, need: Need, so_far: Used, kind: str | None) -> None:
    error = refused(cap, need, so_far)
    assert (error and error.cap_kind) == kind


def test_over_budget_says_which_how_much_and_until_when() -> None:
    error = refused(Cap(usd=1.0, hint="To change it: do so"), Need(5000, NANO // 20), used(0, 0.98))
    assert error is not None and isinstance(error, OverBudget) and error.exit_code == 4
    assert error.message == (
        "today's budget, 1.00 USD, does not allow this call: 0.98 is used or set aside, and the call may cost up to 0.05"
    )
    assert error.hint == "It starts afresh at 00:00 (in 8 hours). To change it: do so"
    assert error.resets == datetime(2026, 11, 26, tzinfo=MADRID)
    peer = refused(Cap("peer", tokens=10_000, asker="nas"), Need(5000, None), used(9000))
    assert peer is not None and (peer.scope, peer.cap_kind) == ("peer", "tokens")
    assert peer.message.startswith("today's budget of nas, 10,000 tokens, does not allow this call: 9,000 is used")


def test_the_time_that_is_left_is_real_time() -> None:
    """At one in the morning of the day with 25 hours there are 24 left, not 23."""
    night = datetime(2026, 10, 25, 1, tzinfo=MADRID)
    assert resets(night, day_of(night, MADRID)) == "at 00:00 (in 24 hours)"
    late = datetime(2026, 11, 25, 23, 30, tzinfo=MADRID)
    assert resets(late, day_of(late, MADRID)) == "at 00:00 (in 30 minutes)"
    assert resets(late + timedelta(minutes=29, seconds=50), day_of(late, MADRID)) == "at 00:00 (in 1 minute)"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0.00"), (1234.5, "1,234.50"), (0.1, "0.10"), (0.05, "0.05"), (0.0123, "0.012"), (0.01, "0.01"), (0.00072, "0.00072"),
        (0.0000123, "0.000012"), (0.000001, "under 0.00001"), (0.99999, "1.00"),
    ],
)  # fmt: skip
def test_what_is_not_nothing_is_never_shown_as_it(amount: float, shown: str) -> None:
    assert usd(amount) == shown
