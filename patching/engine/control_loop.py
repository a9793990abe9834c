"""The loop over all runs: which run is due, in which order, under which lease, and when it is due again."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import structlog
from celery.exceptions import SoftTimeLimitExceeded

from aws.ports import Cloud
from patching.engine.lease import HeldClock, LeaseLost, acquire, due, release
from patching.engine.reconcile import reconcile_run
from patching.engine.scope import INTERVAL
from portal import side_by_side
from portal.clock import database_now

# How long a tick goes on with runs that are due again at once; the next tick takes the others.
ROUNDS = timedelta(seconds=60)
RUNS, RUNS_AT_ONCE = side_by_side.Room(), 4  # of one process
POLL_S = 0.5  # between two questions for runs that have become due meanwhile
log = structlog.get_logger(__name__)


def reconcile_due_runs(cloud: Cloud) -> None:
    """Reconciles every due run, and again those that have more to send at once, each in its turn (I12).

    While a run waits for a place that does not answer, the others have their turns all the same.
    """
    end = database_now() + ROUNDS
    with side_by_side.crew(RUNS, most=RUNS_AT_ONCE) as crew:
        while (again := reconcile_each(due(database_now()), cloud)) or (crew and crew.unfinished):
            if database_now() >= end:
                return
            if crew and not again:
                crew.wait(POLL_S)


def reconcile_each(ids: list[int], cloud: Cloud) -> bool:
    """True when some are due again at once; never after an error, so that it is not tried in a circle.

    A broken run is logged and tried again at the next tick, and never keeps the others waiting (I12).
    """
    looks = side_by_side.visit({run_id: partial(_reconcile_or_tell, run_id, cloud) for run_id in ids})
    return any(looks.results) and None not in looks.results


def _reconcile_or_tell(run_id: int, cloud: Cloud) -> bool | None:
    """Whether the run is due again at once; None when that is not known, since it failed."""
    try:
        return reconcile_under_lease(run_id, cloud)
    except LeaseLost as error:  # another worker went on with it
        log.warning("run_left_to_another", run=run_id, error=str(error))
        return False
    except SoftTimeLimitExceeded:  # the task ends in order; the rows say where to go on
        raise
    except Exception:  # the next one starts from the rows again
        log.exception("run_not_reconciled", run=run_id)
        return None


def reconcile_under_lease(run_id: int, cloud: Cloud) -> bool:
    """Acquires the lease, reconciles once, releases the lease. True when the run is due again at once."""
    now = database_now()
    token = acquire(run_id, now)
    if token is None:
        return False
    next_at = None
    try:
        next_at = _reconcile(run_id, cloud, HeldClock(run_id, token, now))
    finally:
        ended = database_now()
        release(run_id, token, next_at or ended + INTERVAL)
    return next_at is not None and next_at <= ended


def _reconcile(run_id: int, cloud: Cloud, clock: HeldClock) -> datetime | None:
    """One look, and further ones while a place still waits for AWS: the lease is ours, and the others are due.

    The last one is for the place that came late: what follows there is done as if it had not been late.
    """
    with side_by_side.crew(stop=clock.stop) as crew:
        next_at = reconcile_run(run_id, cloud=cloud, clock=clock)
        while crew and crew.unfinished:
            crew.wait(_seconds_until(next_at, clock()))
            if next_at is not None:
                next_at = reconcile_run(run_id, cloud=cloud, clock=clock)
        return next_at


def _seconds_until(next_at: datetime | None, now: datetime) -> float:
    return max(POLL_S, ((next_at or now) - now).total_seconds())
