"""The tag's value: what we write, and how wide a value of somebody else is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exceptions.tag_value import format_interval, parse

START = datetime(2026, 12, 1, 23, 0, tzinfo=UTC)
END = datetime(2026, 12, 12, 23, 0, tzinfo=UTC)


def test_ours_is_two_utc_instants_whatever_zone_they_come_in() -> None:
    berlin = timezone(timedelta(hours=1))
    assert format_interval(START.astimezone(berlin), END) == "2026-12-01T23:00Z/2026-12-12T23:00Z"


def test_ours_is_read_back_to_the_minute() -> None:
    interval = parse(format_interval(START, END))
    assert (interval.starts_at, interval.ends_at, interval.readable) == (START, END, True)


def test_plain_days_are_read_as_wide_as_they_can_mean() -> None:
    interval = parse("2026-12-01/2026-12-12")
    assert interval.starts_at == datetime(2026, 11, 30, 10, 0, tzinfo=UTC)  # midnight in UTC+14
    assert interval.ends_at == datetime(2026, 12, 13, 12, 0, tzinfo=UTC)  # the next midnight in UTC−12


def test_a_single_day_is_that_day() -> None:
    interval = parse("2026-12-01")
    assert interval.ends_at == datetime(2026, 12, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/",
        "until further notice",
        "2026-13-01/2026-14-01",
        "2026-12-12/2026-12-01",
        "2026-12-01/",
        "9999-12-31/9999-12-31",
        "٢٠٢٦-١٢-٠١/",
        "<b>x</b>",
        "$(reboot)",
    ],
)
def test_what_cannot_be_read_excludes_always(value: str) -> None:
    interval = parse(value)
    assert not interval.readable
    assert interval.overlaps(datetime(1990, 1, 1, tzinfo=UTC), datetime(1990, 1, 2, tzinfo=UTC))


@given(st.text(max_size=256))
def test_no_value_makes_it_fail(value: str) -> None:
    parse(value)


def test_the_interval_is_half_open() -> None:
    interval, hour = parse(format_interval(START, END)), timedelta(hours=1)
    assert interval.overlaps(END - hour, END)
    assert not interval.overlaps(END, END + hour)
    assert not interval.overlaps(START - hour, START)
    assert interval.overlaps(START - hour, START + timedelta(seconds=1))
