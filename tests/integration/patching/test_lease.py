"""One worker at a time reconciles a run: two beats at once, a worker that works long, and one that stalled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from patching.engine import control_loop, lease
from patching.engine.lease import LEASE, HeldClock, LeaseLost, acquire, due
from patching.models import Run
from patching.states import RunState
from portal.clock import database_now
from tests.fakes import Clock, FakeCloud

HOUR = timedelta(hours=1)
AWS = FakeCloud(Clock())


def a_run(**facts: Any) -> Run:
    """A run in the middle of its patching, without targets."""
    now = database_now()
    times = {"starts_at": now, "cutoff_at": now + HOUR, "ends_at": now + 2 * HOUR, "created_at": now}
    known = {"name": "Nightly", "time_zone": "UTC", "state": RunState.PATCHING, "next_look_at": now}
    return Run.objects.create(**(times | known | facts))


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_reconcile_each_run_by_one_worker_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = {a_run(name=f"run {at}").pk for at in range(3)}
    inside: set[int] = set()
    seen: list[int] = []
    together: list[int] = []

    def reconcile_run(run_id: int, *, cloud: Any, clock: Callable[[], datetime]) -> None:
        if run_id in inside:
            together.append(run_id)
        inside.add(run_id)
        seen.append(run_id)
        threading.Event().wait(0.05)
        inside.discard(run_id)

    monkeypatch.setattr(control_loop, "reconcile_run", reconcile_run)
    begin = threading.Barrier(6)

    def beat() -> None:
        begin.wait()
        control_loop.reconcile_due_runs(AWS)
        connection.close()

    threads = [threading.Thread(target=beat) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not together
    assert set(seen) == runs


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Moves the database's clock on."""
    now = database_now()
    state = {"now": now}
    monkeypatch.setattr(lease, "database_now", lambda: state["now"])

    def move(by: timedelta) -> None:
        state["now"] += by

    return move


@pytest.fixture
def held(transactional_db: None, clock: Callable[[timedelta], None]) -> tuple[Run, HeldClock]:
    run, now = a_run(), lease.database_now()
    token = acquire(run.pk, now)
    assert token
    return run, HeldClock(run.pk, token, now)


def test_a_long_step_keeps_its_lease(held: tuple[Run, HeldClock], clock: Callable[[timedelta], None]) -> None:
    run, holder = held
    for _ in range(12):
        clock(LEASE / 3)
        now = holder()
        assert acquire(run.pk, now) is None, "nobody else may have it"
        assert due(now) == []


def test_a_worker_that_lost_its_lease_stops_before_its_next_act(
    held: tuple[Run, HeldClock], clock: Callable[[timedelta], None]
) -> None:
    run, holder = held
    clock(LEASE + timedelta(seconds=1))
    other = acquire(run.pk, lease.database_now())
    assert other, "a dead worker's run is free after its lease"
    with pytest.raises(LeaseLost, match="Another worker holds run"):
        holder()
    run.refresh_from_db()
    assert run.lease_token == other


def test_a_tick_that_lost_its_run_leaves_the_rows_to_the_other(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run()
    thief: list[Any] = []

    def stalled(run_id: int, *, cloud: Any, clock: Callable[[], datetime]) -> None:
        later = database_now() + LEASE + timedelta(seconds=1)
        thief.append(acquire(run_id, later))
        monkeypatch.setattr(lease, "database_now", lambda: later)
        clock()

    monkeypatch.setattr(control_loop, "reconcile_run", stalled)
    control_loop.reconcile_due_runs(AWS)
    run.refresh_from_db()
    assert thief[0]
    assert run.lease_token == thief[0], "what was not ours any more was not released"
