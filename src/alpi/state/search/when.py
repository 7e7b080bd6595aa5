"""Stretches of time as people write them: ``2026-10``, ``yesterday``, ``last month``. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from ...base.errors import UsageError

DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[t ]\d{1,2}:\d{2}.*)?)?)?")
AGO = re.compile(r"(\d{1,4}) (day|week|month|year)s? ago")
UNIT = re.compile(r"(this|last) (week|month|year)")


def period(text: str, now: datetime) -> tuple[datetime, datetime]:
    """A stretch of time: its beginning, and the first moment after it, in the zone of ``now``.

    It takes ``2026``, ``2026-10``, ``2026-10-14``, ``today``, ``yesterday``, ``3 days ago``, ``2 weeks ago``, ``this week``,
    ``last month``. Weeks begin on Monday. A day, week or month that is ago is the whole one, and so
    is the day of a moment (``2026-10-14 16:07``).

    Raises:
        UsageError: anything else, or a date that no calendar has.
    """
    words = " ".join(text.lower().split())
    today = datetime(now.year, now.month, now.day)
    try:
        if date := DATE.fullmatch(words):
            year, month, day = (int(part) if part else 0 for part in date.groups())
            unit = "day" if day else "month" if month else "year"
            begin = datetime(year, month or 1, day or 1)
        elif ago := AGO.fullmatch(words):
            unit = ago[2]
            begin = _back(_begin(today, unit), unit, int(ago[1]))
        elif named := UNIT.fullmatch(words):
            unit = named[2]
            begin = _back(_begin(today, unit), unit, int(named[1] == "last"))
        elif words in ("today", "yesterday"):
            unit, begin = "day", today - timedelta(days=words == "yesterday")
        else:
            raise ValueError("it is none of these")
        return _local(begin, now), _local(_back(begin, unit, -1), now)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{text!r} is not a date: {error}", "Write it as 2026-10-14, 2026-10, yesterday, last month or 3 weeks ago"
        ) from error


def _begin(day: datetime, unit: str) -> datetime:
    """The first day of the week, month or year that a day is in."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day if unit == "day" else day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)


def _back(begin: datetime, unit: str, count: int) -> datetime:
    """So many of a unit before its beginning."""
    if unit in ("day", "week"):
        return begin - timedelta(days=count * (7 if unit == "week" else 1))
    months = begin.year * 12 + begin.month - 1 - count * (12 if unit == "year" else 1)
    return begin.replace(year=months // 12, month=months % 12 + 1)


def _local(day: datetime, now: datetime) -> datetime:
    """Midnight of a day where ``now`` is: in a named zone with that day's own offset."""
    return day.replace(tzinfo=now.tzinfo)
