"""A clock, and an AWS in memory with four hosts."""

from __future__ import annotations

import pytest

from tests.fakes import Clock, FakeCloud


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud(clock: Clock) -> FakeCloud:
    made = FakeCloud(clock)
    for number in range(4):
        made.add(number)
    return made
