"""Slow pages take turns; quick ones never wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from portal.limits import slow_pages
from portal.limits.budget import Unavailable
from portal.limits.slow_pages import SLOW_S, VISITS, WAITING, Turns


class Clock:
    """Stands still unless it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turns(clock: Clock) -> Turns:
    return Turns(clock=clock)


def visit(turns: Turns, clock: Clock, page: str, seconds: float) -> None:
    with turns.turn(page):
        clock.now += seconds


@contextmanager
def somebody_reads(turns: Turns, page: str) -> Iterator[None]:
    """Another thread has this page's turn while the context is open."""
    begun, over = threading.Event(), threading.Event()

    def hold() -> None:
        with turns.turn(page):
            begun.set()
            assert over.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert begun.wait(10)
    try:
        yield
    finally:
        over.set()
        holder.join(10)


def test_a_page_is_slow_when_its_visits_were(turns: Turns, clock: Clock) -> None:
    assert not turns.is_slow("audit")
    visit(turns, clock, "audit", SLOW_S * 2)
    assert turns.is_slow("audit")
    assert not turns.is_slow("runs")


def test_one_quick_visit_among_the_last_ones_makes_it_quick(turns: Turns, clock: Clock) -> None:
    visit(turns, clock, "runs", SLOW_S / 10)
    for _ in range(VISITS - 1):
        visit(turns, clock, "runs", SLOW_S * 9)  # others held it up
    assert not turns.is_slow("runs")
    visit(turns, clock, "runs", SLOW_S * 9)
    assert turns.is_slow("runs")


def test_a_quick_page_never_waits(turns: Turns, clock: Clock) -> None:
    visit(turns, clock, "audit", SLOW_S * 2)
    with somebody_reads(turns, "audit"):
        visit(turns, clock, "runs", 0.01)


def test_a_slow_page_waits_until_the_one_before_has_its_answer(turns: Turns, clock: Clock) -> None:
    visit(turns, clock, "audit", SLOW_S * 2)
    answered: list[str] = []

    def read() -> None:
        with turns.turn("audit"):
            answered.append("second")

    reader = threading.Thread(target=read)
    with somebody_reads(turns, "audit"):
        reader.start()
        reader.join(0.1)
        assert not answered
    reader.join(10)
    assert answered == ["second"]


def test_who_would_wait_too_long_is_told(turns: Turns, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_pages, "LONGEST_WAIT_S", 0.01)
    visit(turns, clock, "audit", SLOW_S * 2)
    with (
        somebody_reads(turns, "audit"),
        pytest.raises(Unavailable, match="narrow it down"),
        turns.turn("audit"),
    ):
        raise AssertionError("it had no turn")
    with turns.turn("audit"):
        pass  # and nothing of it is left


def test_too_many_do_not_wait_at_all(turns: Turns, clock: Clock) -> None:
    visit(turns, clock, "audit", SLOW_S * 2)
    readers = [threading.Thread(target=visit, args=(turns, clock, "audit", 1.0)) for _ in range(WAITING)]
    with somebody_reads(turns, "audit"):
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(0.05)
        with pytest.raises(Unavailable), turns.turn("audit"):
            raise AssertionError("it had no turn")
    for reader in readers:
        reader.join(10)


def test_an_error_gives_the_turn_back(turns: Turns, clock: Clock) -> None:
    visit(turns, clock, "audit", SLOW_S * 2)
    with pytest.raises(ZeroDivisionError), turns.turn("audit"):
        raise ZeroDivisionError
    with turns.turn("audit"):
        pass


def test_what_is_remembered_is_bounded(turns: Turns, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_pages, "REMEMBERED", 2)
    for page in ("first", "second", "third"):
        visit(turns, clock, page, SLOW_S * 2)
    assert [turns.is_slow(page) for page in ("first", "second", "third")] == [False, True, True]
