"""Crews: each place has a thread and a connection of its own, and nobody waits for the one that does not answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import connection
from pytest_django import Settings

from portal import side_by_side
from portal.side_by_side import Crew, Room, crew, visit

PATIENCE_S = 0.2


@pytest.fixture(autouse=True)
def _several(settings: Settings) -> None:
    settings.PLACES_AT_ONCE = 4


@pytest.fixture
def hands() -> Iterator[Crew]:
    with crew(Room(), patience_s=PATIENCE_S) as made:
        assert made
        yield made


class Silent:
    """A place that answers when it is told to."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def __call__(self) -> str:
        assert self.answers.wait(10)
        return "late"


@pytest.fixture
def silent() -> Iterator[Silent]:
    place = Silent()
    yield place
    place.answers.set()


def timed(jobs: dict[str, object]) -> tuple[list[object], float]:
    began = time.monotonic()
    return visit(jobs).results, time.monotonic() - began  # type: ignore[arg-type]


def test_places_are_visited_at_the_same_time(hands: Crew) -> None:
    together = threading.Barrier(3, timeout=5)
    assert sorted(visit(dict.fromkeys("abc", together.wait)).results) == [0, 1, 2]
    assert hands.busy == frozenset()


def test_nobody_waits_for_the_silent_one_not_even_twice(hands: Crew, silent: Silent) -> None:
    found, took = timed({"silent": silent, "well": lambda: "now"})
    assert found == ["now"]
    assert PATIENCE_S <= took < 2 * PATIENCE_S
    found, took = timed({"silent": silent, "well": lambda: "again"})
    assert found == ["again"]
    assert took < PATIENCE_S, "the place is known to be at work, and is passed over"
    assert hands.busy == {"silent"}


def test_the_end_of_a_late_one_is_news(hands: Crew, silent: Silent) -> None:
    visit({"silent": silent})
    threading.Timer(0.1, silent.answers.set).start()
    began = time.monotonic()
    hands.wait(5)
    assert time.monotonic() - began < 2
    assert visit({"silent": lambda: "well"}).results == ["well"]


def test_what_was_not_even_begun_is_said(hands: Crew, silent: Silent) -> None:
    visit({"silent": silent})
    visited = visit({"silent": silent, "well": lambda: 1})
    assert (visited.results, visited.left_out) == ([1], ["silent"])


def test_a_place_has_a_share_of_the_hands_and_no_more() -> None:
    """Six runs that wait for one place leave hands for the others."""
    room, silent = Room(), Silent()
    crews = [Crew(room, 4, PATIENCE_S) for _ in range(6)]
    try:
        visits = [made.visit({"silent": silent}) for made in crews]
        assert [visited.left_out for visited in visits] == [[], [], *[["silent"]] * 4]
        assert crews[5].visit({"well": lambda: "now"}).results == ["now"]
    finally:
        silent.answers.set()
        for made in crews:
            made.close()


def test_an_error_is_raised_as_if_it_had_been_done_here(hands: Crew) -> None:
    seen: list[str] = []
    with pytest.raises(KeyError, match="no such thing"):
        visit({"bad": lambda: {}["no such thing"], "well": lambda: seen.append("well")})
    assert seen == ["well"]


def test_within_a_place_things_go_one_after_the_other(hands: Crew) -> None:
    """A hand that waited for other hands might wait for ever."""
    threads: set[str] = set()

    def inner() -> None:
        threads.add(threading.current_thread().name)

    def outer() -> None:
        visit({"x": inner, "y": inner})

    visit({"place": outer})
    assert len(threads) == 1


@pytest.mark.django_db(transaction=True)
def test_each_hand_has_a_connection_and_leaves_none_behind(hands: Crew) -> None:
    together = threading.Barrier(2, timeout=5)

    def backend() -> int:
        together.wait()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    pids = visit({"a": backend, "b": backend}).results
    hands.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        assert len({*pids, cursor.fetchone()[0]}) == 3
        end = time.monotonic() + 10  # PostgreSQL ends a backend a moment after its client has left
        while time.monotonic() < end:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [pids])
            if cursor.fetchone()[0] == 0:
                return
    raise AssertionError("the connections of the hands are still open")


def test_whoever_fails_tells_the_hands_to_stop(silent: Silent) -> None:
    with suppress(RuntimeError), crew(Room(), patience_s=0.1, stop=silent.answers.set):
        visit({"silent": silent})
        raise RuntimeError
    assert silent.answers.is_set()


def test_without_a_crew_one_after_the_other(settings: Settings) -> None:
    settings.PLACES_AT_ONCE = 1
    with crew() as none:
        assert none is None
        names = visit(dict.fromkeys("ab", lambda: threading.current_thread().name)).results
    assert names == [threading.current_thread().name] * 2
    assert side_by_side.CREW.get() is None
