"""The loop over all runs: which run is due, in which order, under which lease, and when it is due again."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery.exceptions import SoftTimeLimitExceeded

from aws.ports import Cloud
from patching.engine.lease import HeldClock, LeaseLost, acquire, due, release
from patching.engine.reconcile import reconcile_run
from patching.engine.scope import INTERVAL
from portal.clock import database_now

# How long a tick goes on with runs that are due again at once; the next tick takes the others.
ROUNDS = timedelta(seconds=60)
log = structlog.get_logger(__name__)


def reconcile_due_runs(cloud: Cloud) -> None:
    """Reconciles every due run, and again those that have more to send at once, each in its turn (I12)."""
    end = database_now() + ROUNDS
    while reconcile_each(due(database_now()), cloud):
        if database_now() >= end:
            return


def reconcile_each(ids: list[int], cloud: Cloud) -> bool:
    """True when some are due again at once; never after an error, so that it is not tried in a circle.

    A broken run is logged and tried again at the next tick, and never keeps the others waiting (I12).
    """
    again, whole = False, True
    for run_id in ids:
        try:
            again |= reconcile_under_lease(run_id, cloud)
        except LeaseLost as error:  # another worker went on with it
            log.warning("run_left_to_another", run=run_id, error=str(error))
        except SoftTimeLimitExceeded:  # the task ends in order; the rows say where to go on
            raise
        except Exception:  # the next one starts from the rows again
            whole = False
            log.exception("run_not_reconciled", run=run_id)
    return again and whole


def reconcile_under_lease(run_id: int, cloud: Cloud) -> bool:
    """Acquires the lease, reconciles once, releases the lease. True when the run is due again at once."""
    now = database_now()
    token = acquire(run_id, now)
    if token is None:
        return False
    next_at = None
    try:
        next_at = reconcile_run(run_id, cloud=cloud, clock=HeldClock(run_id, token, now))
    finally:
        ended = database_now()
        release(run_id, token, next_at or ended + INTERVAL)
    return next_at is not None and next_at <= ended
