"""Waits grow, and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from patching.policy.patience import (
    COPIES,
    DELETIONS,
    LASTING,
    RESTORES,
    STOPPED_WITHIN,
    STOPS,
    Fading,
    Patience,
    stopped_by,
)


@pytest.mark.parametrize("patience", [STOPS, LASTING])
def test_each_wait_is_longer_until_the_longest_and_the_tries_are_few(patience: Patience) -> None:
    waits = [patience.wait(tries) for tries in range(1, patience.most_tries + 1)]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=patience.first_s)
    assert waits[1] == 2 * waits[0]
    assert max(waits) <= timedelta(seconds=patience.longest_s)
    assert [patience.over(tries) for tries in (patience.most_tries - 1, patience.most_tries)] == [False, True]


def test_stops_fit_into_their_hour() -> None:
    assert STOPS.most_tries == 10
    assert sum((STOPS.wait(tries) for tries in range(1, STOPS.most_tries)), timedelta()) <= STOPPED_WITHIN


def test_a_server_that_was_let_go_after_the_window_has_an_hour_too() -> None:
    end = datetime(2026, 12, 5, 22, 0, tzinfo=UTC)
    assert stopped_by(end, end - timedelta(hours=1)) == end + STOPPED_WITHIN
    assert stopped_by(end, end + timedelta(hours=4)) == end + timedelta(hours=5)


@pytest.mark.parametrize("fading", [COPIES, DELETIONS, RESTORES])
def test_what_takes_long_is_looked_at_ever_more_seldom_and_not_for_ever(fading: Fading) -> None:
    since = now = datetime(2026, 12, 5, 22, 0, tzinfo=UTC)
    waits = []
    while not fading.over(since, now):
        waits.append(fading.wait(since, now))
        now += waits[-1]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=fading.least_s)
    assert waits[-1] == timedelta(seconds=fading.most_s)
    assert len(waits) < 9_000
