"""Beat's ticks: look for rows that are due and carry each one step. Doubled, late or lost ticks change nothing."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.conf import settings
from django.core.cache import cache

from aws.errors import CloudError
from patching.engine import hints
from patching.engine.control_loop import ROUNDS, reconcile_due_runs
from patching.engine.restores import reconcile_restores
from patching.engine.scope import Context
from patching.engine.snapshots import reconcile_snapshots
from patching.operations import audits, schedulers
from patching.operations.runs import plan_due
from portal.clock import database_now
from portal.cloud import cloud, event_queue
from portal.isolation import isolated
from portal.side_by_side import crew

log = structlog.get_logger(__name__)
READING_HINTS, HINTS_LOCK_S = "reading-hints", 30  # longer than any reading; a dead worker's ends by itself


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


@shared_task(name="patching.tasks.reconcile_runs")
def reconcile_runs() -> None:
    reconcile_due_runs(cloud())


@shared_task(name="patching.tasks.consume_events")
def consume_events() -> None:
    """Reads status changes from the events queue; without a queue the sweeps alone find the results.

    One at a time: hints that wait for a silent queue beside each other would only take workers.
    """
    if not settings.EVENTS_QUEUE_URL or not cache.add(READING_HINTS, "1", timeout=HINTS_LOCK_S):
        return
    try:
        hints.consume(event_queue(), settings.EVENTS_QUEUE_URL, clock=database_now)
    except CloudError as error:  # tried again at the next tick; the sweeps find the results meanwhile
        log.warning("events_not_read", error=str(error))
    finally:
        cache.delete(READING_HINTS)


@shared_task(name="patching.tasks.reconcile_snapshots")
def reconcile_snapshots_and_restores() -> None:
    """Follows root snapshots, restores from them, and deletes those whose time is over."""
    for reconcile in (reconcile_restores, reconcile_snapshots):
        with (
            isolated("snapshots_not_reconciled", part=reconcile.__name__),
            crew(),
        ):  # tried again at the next tick
            reconcile(Context(cloud=cloud(), clock=database_now))


@shared_task(name="patching.tasks.remind_schedulers")
def remind_schedulers() -> None:
    """Other schedulers' tags that AWS refused to restore are requested again."""
    schedulers.remind(now=database_now())
