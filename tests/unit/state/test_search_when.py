"""Stretches of time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alpi.base.errors import UsageError
from alpi.state.search import period

NOW = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-10", "2026-10-01", "2026-11-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2026-10-14", "2026-10-14", "2026-10-15"),
        ("2024-2-29", "2024-02-29", "2024-03-01"),
        ("today", "2026-11-25", "2026-11-26"),
        ("Yesterday", "2026-11-24", "2026-11-25"),
        ("3 days ago", "2026-11-22", "2026-11-23"),
        ("1 week ago", "2026-11-16", "2026-11-23"),
        ("this week", "2026-11-23", "2026-11-30"),
        ("last  month", "2026-10-01", "2026-11-01"),
        ("12 months ago", "2025-11-01", "2025-12-01"),
        ("last year", "2025-01-01", "2026-01-01"),
        ("this month", "2026-11-01", "2026-12-01"),
        ("2026-10-14T10:00", "2026-10-14", "2026-10-15"),
        ("2026-10-14 16:07 UTC", "2026-10-14", "2026-10-15"),
    ],
)
def test_a_stretch(text: str, begin: str, end: str) -> None:
    assert [f"{time:%Y-%m-%d}" for time in period(text, NOW)] == [begin, end]


@pytest.mark.parametrize(
    "text",
    ["soon", "2026-13", "2025-02-29", "9999 years ago", "9999-12-31", "0000", "-1 days ago", "2026-10-14 at noon"],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(UsageError, match="is not a date"):
        period(text, NOW)


def test_midnight_is_that_of_the_persons_zone() -> None:
    now = NOW.astimezone(ZoneInfo("Europe/Madrid"))
    begin, end = period("2026-10", now)
    assert begin.isoformat() == "2026-10-01T00:00:00+02:00"
    assert end.isoformat() == "2026-11-01T00:00:00+01:00"
