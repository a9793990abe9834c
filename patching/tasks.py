"""Beat's ticks: look for rows that are due and carry each one step. Doubled, late or lost ticks change nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

from aws.errors import CloudError
from patching.engine import hints, restores, snapshots
from patching.engine.advance import advance
from patching.engine.lease import HeldClock, LeaseLost, database_now, due, give_back, take
from patching.engine.rollout import filled
from patching.models import Run
from patching.operations import audits, schedulers
from patching.operations.runs import plan_due
from patching.queries.waking import wakes_at
from patching.states import RUN_OVER, RunState
from portal.inventory.cloud import cloud, event_queue
from portal.isolation import isolated

# So long a task goes on with runs that are due again at once; a tick brings the next.
ROUNDS = timedelta(seconds=60)
log = structlog.get_logger(__name__)


@shared_task(name="patching.tasks.plan_runs")
def plan_runs() -> None:
    plan_due(now=database_now())


@shared_task(name="patching.tasks.audit_runs")
def audit_runs() -> None:
    """Once a night; while one is under way that one counts."""
    audits.ask(by=None, now=database_now())


@shared_task(name="patching.tasks.carry_audits_on")
def carry_audits_on() -> None:
    """Checks runs for an audit that somebody or the night asked for; the next tick goes on."""
    audits.work(clock=database_now, until=database_now() + ROUNDS)


@shared_task(name="patching.tasks.advance_runs")
def advance_runs() -> None:
    """Visits every due run, and again those that have more to send at once, each in its turn."""
    end = database_now() + ROUNDS
    while visit(due(database_now())):
        if database_now() >= end:
            return


def visit(ids: list[int]) -> bool:
    """True when some have more to do at once; never after an error, so that it is not tried in a circle.

    A broken run is logged and tried again at the next tick, and never keeps the others waiting (I12).
    """
    again, whole = False, True
    for run_id in ids:
        try:
            again |= advance_one(run_id)
        except LeaseLost as error:  # another worker went on with it
            log.warning("run_left_to_another", run=run_id, error=str(error))
        except SoftTimeLimitExceeded:  # the task ends in order; the rows say where to go on
            raise
        except Exception:  # the next look starts from the rows again
            whole = False
            log.exception("run_not_advanced", run=run_id)
    return again and whole


@shared_task(name="patching.tasks.consume_events")
def consume_events() -> None:
    """Reads status changes from the events queue; without a queue the sweeps alone find the results."""
    if not settings.EVENTS_QUEUE_URL:
        return
    try:
        hints.consume(event_queue(), settings.EVENTS_QUEUE_URL, clock=database_now)
    except CloudError as error:  # tried again at the next tick; the sweeps find the results meanwhile
        log.warning("events_not_read", error=str(error))


@shared_task(name="patching.tasks.tend_snapshots")
def tend_snapshots() -> None:
    """Follows root snapshots, restores from them, and deletes those whose time is over."""
    for part in (restores.tend, snapshots.tend):
        with isolated("snapshots_not_tended", part=part.__module__):  # tried again at the next tick
            part(cloud=cloud(), clock=database_now)


@shared_task(name="patching.tasks.remind_schedulers")
def remind_schedulers() -> None:
    """Other schedulers' tags that AWS refused to give back are wanted again."""
    schedulers.remind(now=database_now())


def advance_one(run_id: int) -> bool:
    """Takes the lease, looks once, gives the lease back. True when it wants another look at once."""
    now = database_now()
    token = take(run_id, now)
    if token is None:
        return False
    try:
        advance(run_id, cloud=cloud(), clock=HeldClock(run_id, token, now))
    finally:
        ended = database_now()
        next_at = next_look(Run.objects.get(pk=run_id), ended, since=now)
        give_back(run_id, token, next_at)
    return next_at <= ended


def next_look(run: Run, now: datetime, *, since: datetime) -> datetime:
    """A planned run sleeps until its lead time; others are looked at every sweep, at once while more is to be sent."""
    policy = run.run_policy
    if run.state not in RUN_OVER and filled(run, since):
        return now
    if run.state == RunState.PLANNED:
        return max(now + timedelta(seconds=1), min(wakes_at(run), now + timedelta(seconds=60)))
    return now + timedelta(seconds=min(policy.sweep_s, 5))
