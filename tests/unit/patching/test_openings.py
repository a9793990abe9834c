"""What a preview says about the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from patching.openings import next_openings
from portal.calendar.recurrence import Recurrence

MARCH = datetime(2027, 3, 10, tzinfo=UTC)  # Berlin goes forward on Sunday 28 March 2027, 02:00
OCTOBER = datetime(2027, 10, 10, tzinfo=UTC)  # and back on Sunday 31 October 2027, 03:00
SATURDAY, SUNDAY = 5, 6


def weekly(weekday: int, start: time, zone: str = "Europe/Berlin") -> Recurrence:
    return Recurrence("weekly", weekday, None, start, zone)


def on(rule: Recurrence, moment: datetime, day: str, hours: float = 4):
    found = next_openings(rule, timedelta(hours=hours), moment, 5)
    return next(row for row in found if f"{row.starts_at.astimezone(ZoneInfo(rule.zone)):%m-%d}" == day)


def test_a_start_in_the_gap_opens_behind_it_and_says_so():
    row = on(weekly(SUNDAY, time(2, 30)), MARCH, "03-28")
    assert row.starts_at == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert row.odd
    assert "There is no 02:30 that night" in row.note
    assert "it opens at 03:30" in row.note


def test_a_start_that_comes_twice_takes_the_first():
    row = on(weekly(SUNDAY, time(2, 30)), OCTOBER, "10-31")
    assert row.starts_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert "02:30 occurs twice" in row.note


@pytest.mark.parametrize(
    ("moment", "day", "closes"), [(MARCH, "03-27", "05:00"), (OCTOBER, "10-30", "03:00")]
)
def test_a_change_while_it_is_open_moves_its_end(moment, day, closes):
    row = on(weekly(SATURDAY, time(22)), moment, day, hours=6)
    assert row.odd
    assert f"it closes at {closes}" in row.note


def test_a_window_that_closes_before_the_change_is_not_odd():
    assert not on(weekly(SATURDAY, time(22)), OCTOBER, "10-30", hours=4).odd


def test_a_change_between_two_starts_is_marked_once():
    found = next_openings(weekly(2, time(22)), timedelta(hours=4), MARCH, 5)
    notes = [row.note for row in found]
    assert notes[:3] == ["", "", ""]
    assert "gone forward by then" in notes[3]
    assert notes[4] == ""
    assert [row.starts_at.hour for row in found] == [21, 21, 21, 20, 20]


def test_an_odd_night_far_away_is_shown_after_the_next_ones():
    found = next_openings(
        weekly(SUNDAY, time(2, 30)), timedelta(hours=1), datetime(2026, 12, 1, tzinfo=UTC), 5
    )
    assert len(found) == 6
    assert found[-1].starts_at == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_zones_without_changes_have_nothing_to_say(zone):
    found = next_openings(weekly(SUNDAY, time(2, 30), zone), timedelta(hours=24), MARCH, 5)
    assert [row.note for row in found] == [""] * 5


def test_a_half_hour_change():
    row = on(weekly(SUNDAY, time(2, 15), "Australia/Lord_Howe"), datetime(2027, 9, 20, tzinfo=UTC), "10-03")
    assert "it opens at 02:45" in row.note
