"""One place, host or row that fails in whatever way is passed over; what ends the work ends it at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from aws.errors import AccessRefused, CloudError
from patching.engine.lease import LeaseLost
from patching.engine.places import for_each
from portal import isolation


def acting(error: BaseException, seen: list[int]) -> Callable[[int], None]:
    def act(item: int) -> None:
        seen.append(item)
        if item == 2:
            raise error

    return act


@pytest.mark.parametrize("error", [CloudError("No."), ValueError("nobody foresaw it"), KeyError("State")])
def test_the_others_are_visited_and_the_first_failure_is_told(error: Exception) -> None:
    seen: list[int] = []
    with pytest.raises(type(error)):
        for_each([1, 2, 3], acting(error, seen))
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), LeaseLost("gone"), OperationalError("closed")])
def test_what_ends_the_work_ends_it(error: Exception) -> None:
    seen: list[int] = []
    with pytest.raises(type(error)):
        for_each([1, 2, 3], acting(error, seen))
    assert seen == [1, 2]


def test_isolation_lets_only_the_end_of_the_time_pass() -> None:
    said: list[str] = []
    for error in (
        AccessRefused("The role is gone."),
        RuntimeError("bad\x00 thing\nand more"),
        OperationalError("timeout"),
    ):
        with isolation.isolated("test", said.append):
            raise error
    assert said == ["The role is gone.", "RuntimeError: bad thing", "OperationalError: timeout"]
    with pytest.raises(SoftTimeLimitExceeded), isolation.isolated("test", said.append):
        raise SoftTimeLimitExceeded
    with pytest.raises(KeyboardInterrupt), isolation.isolated("test", said.append):
        raise KeyboardInterrupt


def test_a_row_that_cannot_be_shown_stands_there_all_the_same() -> None:
    assert isolation.each([1, 0, 2], lambda row: 2 // row, lambda row: -1) == [2, -1, 1]
