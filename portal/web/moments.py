"""Times as people read them: local time with its zone, UTC beside it, relative for the near past."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.html import format_html
from django.utils.safestring import SafeString

UTC = ZoneInfo("UTC")
NEAR_PAST = timedelta(hours=24)


def zone_words(zone: ZoneInfo, moment: datetime) -> str:
    """The zone as people say it: `Berlin`, `Buenos Aires`, `UTC`; the offset where no city names it."""
    if zone.key in ("UTC", "Etc/UTC"):
        return "UTC"
    if "/" not in zone.key or zone.key.startswith("Etc/"):
        return _offset_words(moment.astimezone(zone))
    return zone.key.rsplit("/", 1)[-1].replace("_", " ")


def day_words(day: date, *, today: date) -> str:
    """`Sat 28 Nov`, with the year where it is not this year."""
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day:%a} {day.day} {day:%b}{year}"


def local_words(moment: datetime, *, zone: ZoneInfo, now: datetime) -> str:
    """`Sat 28 Nov, 22:00 Berlin`; in the hour that autumn repeats, the offset says which of the two."""
    local = moment.astimezone(zone)
    day = day_words(local.date(), today=now.astimezone(zone).date())
    which = f" ({_offset_words(local)})" if _is_repeated(local) else ""
    return f"{day}, {local:%H:%M} {zone_words(zone, moment)}{which}"


def utc_words(moment: datetime) -> str:
    """`2026-11-28 21:00 UTC`"""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def interval_words(start: datetime, end: datetime, *, zone: ZoneInfo, now: datetime) -> str:
    """`Sat 28 Nov, 22:00–02:00 Berlin`; the second day is named once the interval reaches 24 hours."""
    if end - start >= timedelta(hours=24):
        return f"{local_words(start, zone=zone, now=now)} – {local_words(end, zone=zone, now=now)}"
    head, city = local_words(start, zone=zone, now=now), zone_words(zone, start)
    before, _, after = head.rpartition(f" {city}")
    return f"{before}–{end.astimezone(zone):%H:%M} {city}{after}"


def duration_words(length: timedelta) -> str:
    """`1 h 50 min`, `45 s`, `3 days`: two units at most, never a fraction."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return _plural(days, "day") + (f" {hours} h" if hours and days < 3 else "")
    return " ".join(part for part in (f"{hours} h" * bool(hours), f"{minutes} min" * bool(minutes)) if part)


def distance_words(moment: datetime, *, now: datetime) -> str:
    """How far away: `in 4 days`, `12 min ago`, `just now`."""
    if abs(moment - now) < timedelta(minutes=1):
        return "just now" if moment <= now else "in a moment"
    return f"in {duration_words(moment - now)}" if moment > now else f"{_coarse(now - moment)} ago"


def moment_words(moment: datetime, *, zone: ZoneInfo, now: datetime, style: str = "auto") -> str:
    """The visible words. Styles: auto (relative if under 24 hours old), full, day, clock, distance."""
    if style == "clock":
        return f"{moment.astimezone(zone):%H:%M}"
    if style == "day":
        return day_words(moment.astimezone(zone).date(), today=now.astimezone(zone).date())
    if style == "distance" or (style == "auto" and timedelta() <= now - moment < NEAR_PAST):
        return distance_words(moment, now=now)
    return local_words(moment, zone=zone, now=now)


def moment_html(moment: datetime, *, zone: ZoneInfo, now: datetime, style: str = "auto") -> SafeString:
    """A `<time>` element: the words, the local time and UTC in its title, ISO 8601 for programs."""
    title = f"{local_words(moment, zone=zone, now=now)} · {utc_words(moment)}"
    words = moment_words(moment, zone=zone, now=now, style=style)
    iso = moment.astimezone(UTC).isoformat(timespec="seconds")
    return format_html('<time datetime="{}" title="{}">{}</time>', iso, title, words)


def _coarse(length: timedelta) -> str:
    hours = int(length.total_seconds() // 3600)
    if hours >= 24:
        return _plural(hours // 24, "day")
    return f"{hours} h" if hours else f"{int(length.total_seconds() // 60)} min"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _offset_words(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def _is_repeated(local: datetime) -> bool:
    first, second = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second
