"""The value of the PatchException tag: ours in UTC instants, foreign ones read as wide as they can mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

# A plain date without a zone may mean any place on earth: UTC+14 begins first, UTC−12 ends last.
EARLIEST, LATEST = timedelta(hours=14), timedelta(hours=12)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z")


@dataclass(frozen=True)
class Interval:
    """Half-open [starts_at, ends_at); None on either side means without end."""

    starts_at: datetime | None
    ends_at: datetime | None
    readable: bool = True

    def overlaps(self, starts_at: datetime, ends_at: datetime) -> bool:
        return (self.ends_at is None or self.ends_at > starts_at) and (
            self.starts_at is None or self.starts_at < ends_at
        )


UNREADABLE = Interval(None, None, readable=False)


def format_interval(starts_at: datetime, ends_at: datetime) -> str:
    """`2026-12-01T23:00Z/2026-12-12T23:00Z`"""
    return "/".join(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ") for moment in (starts_at, ends_at))


def parse(value: str) -> Interval:
    """Never raises: what cannot be read excludes always (fail closed)."""
    first, slash, last = value.strip().partition("/")
    if not slash:
        last = first
    try:
        interval = Interval(_begin(first.strip()), _end(last.strip()))
    except (ValueError, OverflowError):
        return UNREADABLE
    return interval if interval.ends_at > interval.starts_at else UNREADABLE  # type: ignore[operator]


def _begin(text: str) -> datetime:
    return _instant(text) if _INSTANT.fullmatch(text) else _midnight(text) - EARLIEST


def _end(text: str) -> datetime:
    return _instant(text) if _INSTANT.fullmatch(text) else _midnight(text) + timedelta(days=1) + LATEST


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _midnight(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), datetime.min.time(), tzinfo=UTC)
