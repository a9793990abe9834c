"""The order in which a run takes its files, and the seeds that are new in each run."""

from __future__ import annotations

import itertools

import pytest

from tests import fresh
from tests.balance import dear_files, in_turn
from tests.crash.points import partly_fresh, some
from tests.simulation import play
from tests.simulation.play import Tally, play_for
from tests.times import PAGE

CALLS = {f"Call{number}": 3 for number in range(9)}


def test_the_dear_ones_come_first_then_those_with_many_tests() -> None:
    files = {"tests/few.py": {"a": False}, "tests/many.py": dict.fromkeys("abc", False),
             "tests/dear.py": {"a": False}, "tests/dearest.py": {"a": False}}  # fmt: skip
    order = in_turn(files, {"tests/dear.py": 40, "tests/dearest.py": 400, "tests/gone.py": 9})
    assert order == ["tests/dearest.py", "tests/dear.py", "tests/many.py", "tests/few.py"]


def test_what_is_dear_stands_in_the_page() -> None:
    page = "| kind | tests | seconds |\n| hosts | 2 | 9 | 75 % |\n| tests/a/test_b.py | 1,204 | 31 |\n"
    assert dear_files(page) == {"tests/a/test_b.py": 31}
    assert "tests/crash/test_crash.py" in dear_files(PAGE.read_text())


def test_a_seed_that_is_given_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fresh.VARIABLE, "17")
    fresh.draw()
    assert fresh.seed() == 17
    monkeypatch.delenv(fresh.VARIABLE)
    fresh.draw()
    drawn = fresh.seed()
    fresh.draw()
    assert fresh.seed() == drawn


@pytest.mark.parametrize(("seconds", "least", "played"), [(3, 1, 4), (0, 5, 5), (99, 1, 10)])
def test_seeds_begin_while_there_is_time(
    monkeypatch: pytest.MonkeyPatch, seconds: int, least: int, played: int
) -> None:
    clock = itertools.count()
    monkeypatch.setattr(play.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(play, "play_all", lambda seeds: Tally(len(seeds)))
    assert play_for(seconds, range(10), least=least).seeds == played


def test_the_last_kill_points_are_new_and_nothing_is_left_out() -> None:
    always, one, other = some(CALLS, 9), *(partly_fresh(CALLS, 9, 4, (0, seed)) for seed in (5, 6))
    assert one[:5] == other[:5] == always[:5]
    assert one[5:] != other[5:]
    assert {point.operation for point in one} == {point.operation for point in always} == set(CALLS)
    assert partly_fresh(CALLS, 9, 4, (0, 5)) == one
