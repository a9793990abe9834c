"""Pure recurrence of maintenance windows: local wall time in a zone in, UTC instants out. No clock, no database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import MONTHLY, WEEKLY, rrule, weekday


@dataclass(frozen=True)
class Recurrence:
    """Weekly, or monthly on the nth weekday (-1: the last). `start` is wall time in `zone`."""

    frequency: str
    weekday: int
    nth: int | None
    start: time
    zone: str

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Starts at or after `moment`, in UTC, without end."""
        first_day = moment.astimezone(ZoneInfo(self.zone)).date() - timedelta(days=1)
        for day in self._days(first_day):
            start = to_utc(datetime.combine(day, self.start), self.zone)
            if start >= moment:
                yield start

    def next(self, moment: datetime, count: int) -> list[datetime]:
        return list(islice(self.after(moment), count))

    def _days(self, first: date) -> Iterator[date]:
        begin = datetime.combine(first, time())
        if self.frequency == "weekly":
            rule = rrule(WEEKLY, dtstart=begin, byweekday=weekday(self.weekday))
        else:
            rule = rrule(MONTHLY, dtstart=begin, byweekday=weekday(self.weekday, self.nth))
        return (moment.date() for moment in rule)


def to_utc(local: datetime, zone: str) -> datetime:
    """Wall time to UTC. A time in the spring gap moves behind the change; of a doubled one the first counts."""
    aware = local.replace(tzinfo=ZoneInfo(zone), fold=0)
    return aware.astimezone(UTC)


def whole_days(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """The half-open UTC interval from 00:00 of `first` to 00:00 of the day after `last`."""
    begin = to_utc(datetime.combine(first, time()), zone)
    return begin, to_utc(datetime.combine(last + timedelta(days=1), time()), zone)
