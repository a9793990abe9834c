from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from portal.web import moments

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_a_time_is_local_and_names_its_zone() -> None:
    assert moments.local_words(at(2026, 11, 28, 21), zone=BERLIN, now=NOW) == "Sat 28 Nov, 22:00 Berlin"


def test_another_year_is_named() -> None:
    assert moments.local_words(at(2027, 1, 2, 21), zone=BERLIN, now=NOW) == "Sat 2 Jan 2027, 22:00 Berlin"


def test_the_repeated_hour_of_autumn_says_which_one() -> None:
    first = moments.local_words(at(2026, 10, 25, 0, 30), zone=BERLIN, now=NOW)
    second = moments.local_words(at(2026, 10, 25, 1, 30), zone=BERLIN, now=NOW)
    assert (first, second) == ("Sun 25 Oct, 02:30 Berlin (UTC+2)", "Sun 25 Oct, 02:30 Berlin (UTC+1)")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("UTC", "UTC"),
        ("America/Argentina/Buenos_Aires", "Buenos Aires"),
        ("Etc/GMT+5", "UTC-5"),
        ("Asia/Kolkata", "Kolkata"),
    ],
)
def test_zones_are_called_by_their_city(key: str, words: str) -> None:
    assert moments.zone_words(ZoneInfo(key), NOW) == words


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=12), "12 min ago"),
        (timedelta(hours=3, minutes=50), "3 h ago"),
        (timedelta(hours=24), "Sun 22 Nov, 21:00 Berlin"),
        (timedelta(hours=-2), "Mon 23 Nov, 23:00 Berlin"),
    ],
)
def test_only_the_near_past_is_relative(ago: timedelta, words: str) -> None:
    assert moments.moment_words(NOW - ago, zone=BERLIN, now=NOW) == words


def test_distance_looks_both_ways() -> None:
    assert moments.distance_words(NOW + timedelta(days=4), now=NOW) == "in 4 days"
    assert moments.distance_words(NOW - timedelta(days=4), now=NOW) == "4 days ago"


def test_the_element_carries_utc() -> None:
    html = moments.moment_html(at(2026, 11, 28, 21), zone=BERLIN, now=NOW)
    assert 'datetime="2026-11-28T21:00:00+00:00"' in html
    assert 'title="Sat 28 Nov, 22:00 Berlin · 2026-11-28 21:00 UTC"' in html


def test_an_interval_over_midnight_names_one_day() -> None:
    words = moments.interval_words(at(2026, 11, 28, 21), at(2026, 11, 29, 1), zone=BERLIN, now=NOW)
    assert words == "Sat 28 Nov, 22:00–02:00 Berlin"


def test_a_long_interval_names_both_days() -> None:
    words = moments.interval_words(at(2026, 11, 28, 21), at(2026, 12, 1, 1), zone=BERLIN, now=NOW)
    assert words == "Sat 28 Nov, 22:00 Berlin – Tue 1 Dec, 02:00 Berlin"


def test_durations_have_two_units_at_most() -> None:
    lengths = [45, 60, 6600, 7200, 90000, 86400 * 5 + 3600]
    words = [moments.duration_words(timedelta(seconds=length)) for length in lengths]
    assert words == ["45 s", "1 min", "1 h 50 min", "2 h", "1 day 1 h", "5 days"]


def test_a_day_of_this_year_has_no_year() -> None:
    assert moments.day_words(date(2026, 3, 1), today=NOW.date()) == "Sun 1 Mar"
