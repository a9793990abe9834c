"""The days of one month as weeks, for the month grid."""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from portal.tones import Tone


@dataclass(frozen=True)
class Entry:
    """One line on a day: what, how it looks, and where to read more. `at` is local clock time or empty."""

    label: str
    tone: str = Tone.UNKNOWN
    url: str = ""
    at: str = ""


@dataclass(frozen=True)
class Day:
    day: date
    in_month: bool
    is_today: bool
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Month:
    """Weeks start on Monday; `previous` and `next` are first days, for links."""

    first: date
    weeks: list[list[Day]]
    previous: date
    next: date


def month_of(year: int, month: int, entries: Mapping[date, Sequence[Entry]], *, today: date) -> Month:
    """The grid of one month. Days outside it are there to fill the weeks and keep their entries."""
    first = date(year, month, 1)
    weeks = [
        [Day(day, day.month == month, day == today, tuple(entries.get(day, ()))) for day in week]
        for week in calendar.Calendar(firstweekday=0).monthdatescalendar(year, month)
    ]
    after = (first + timedelta(days=32)).replace(day=1)
    return Month(first=first, weeks=weeks, previous=(first - timedelta(days=1)).replace(day=1), next=after)
