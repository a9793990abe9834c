"""Days as people write them become instants; each refusal names the field, the value and the way out."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from exceptions.rules import LONGEST_DAYS, check_days, check_given, check_words
from portal.access.rules import Invalid

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "first", "last", "starts_at", "ends_at"),
    [
        # Santiago skips 00:00–01:00 on 6 September 2026: the day begins at 01:00 local, 04:00 UTC.
        ("America/Santiago", date(2026, 9, 6), date(2026, 9, 6), "2026-09-06T04:00", "2026-09-07T03:00"),
        ("America/Santiago", date(2026, 9, 4), date(2026, 9, 5), "2026-09-04T04:00", "2026-09-06T04:00"),
        # Havana repeats 00:00–01:00 on 1 November 2026: the day begins with the first of the two.
        ("America/Havana", date(2026, 11, 1), date(2026, 11, 1), "2026-11-01T04:00", "2026-11-02T05:00"),
        # Berlin's last Sunday of October has 25 hours.
        ("Europe/Berlin", date(2026, 10, 25), date(2026, 10, 25), "2026-10-24T22:00", "2026-10-25T23:00"),
        ("Pacific/Kiritimati", date(2026, 9, 2), date(2026, 9, 2), "2026-09-01T10:00", "2026-09-02T10:00"),
    ],
)  # fmt: skip
def test_whole_days_in_the_zone(zone: str, first: date, last: date, starts_at: str, ends_at: str) -> None:
    found = check_days(first, last, zone, NOW)
    assert [f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}" for moment in found] == [starts_at, ends_at]


@pytest.mark.parametrize(
    ("first", "last", "zone", "field", "words"),
    [
        (date(2026, 9, 9), date(2026, 9, 8), "Europe/Berlin", "to_date", "8 September 2026"),
        (date(2026, 8, 20), date(2026, 8, 25), "Europe/Berlin", "from_date", "20 August 2026"),
        (date(2026, 8, 31), date(2026, 9, 5), "Europe/Berlin", "from_date", "31 August 2026"),
        (date(2026, 9, 2), date(2027, 9, 3), "Europe/Berlin", "to_date", str(LONGEST_DAYS)),
        (date(2026, 9, 2), date(2026, 9, 3), "Mars/Olympus", "time_zone", "'Mars/Olympus'"),
        (date(2026, 9, 2), date(2026, 9, 3), "", "time_zone", "''"),
        (date(2026, 9, 2), date(2026, 9, 3), "../../etc/passwd", "time_zone", "Europe/Berlin"),
        (date(2026, 9, 2), date(2026, 9, 3), "Europe", "time_zone", "'Europe'"),
        (date(2026, 9, 2), date(2026, 9, 3), "Europe/Berlin\x00", "time_zone", "Berlin"),
        (date(9999, 12, 31), date(9999, 12, 31), "Europe/Berlin", "to_date", "9999-12-31"),
        (date(1, 1, 1), date(1, 1, 1), "Asia/Tokyo", "to_date", "0001-01-01"),
    ],
)  # fmt: skip
def test_a_refusal_names_field_and_value(first: date, last: date, zone: str, field: str, words: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_days(first, last, zone, NOW)
    assert refusal.value.field == field
    assert words in str(refusal.value)


def test_366_days_are_the_longest_and_today_may_begin() -> None:
    check_days(date(2026, 9, 1), date(2027, 9, 1), "Europe/Berlin", NOW)


def test_today_is_today_in_the_zone_of_the_request() -> None:
    late = datetime(2026, 9, 1, 23, 30, tzinfo=UTC)
    check_days(date(2026, 9, 1), date(2026, 9, 2), "America/New_York", late)
    with pytest.raises(Invalid):
        check_days(date(2026, 9, 1), date(2026, 9, 2), "Europe/Berlin", late)


@pytest.mark.parametrize(
    ("category", "reason", "field"),
    [("audit", "  short ", "reason"), ("audit", "x" * 2001, "reason"), ("audit", "a NUL \x00 inside", "reason"),
     ("nonsense", "A good reason here.", "category")],
)  # fmt: skip
def test_words_are_checked(category: str, reason: str, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_words(category, reason)
    assert refusal.value.field == field


def test_a_decision_keeps_its_reason_trimmed() -> None:
    assert check_given("  too risky  ", "Write why.") == "too risky"
    with pytest.raises(Invalid, match="Write why"):
        check_given(" \n ", "Write why.")
