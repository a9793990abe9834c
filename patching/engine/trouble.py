"""Trouble in the run's log: each phase's own, told once for as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db import transaction

from aws.errors import CloudError, Refused
from patching.engine.places import ENDS_RECONCILE
from patching.engine.scope import Scope
from patching.models import Run
from patching.operations import hindrances
from patching.operations.hindrances import Refusal
from portal.audit.models import AuditEvent
from portal.audit.operations import Entry, record
from portal.isolation import sentence

# What a phase that is refused cannot do.
CANNOT = {
    "recover_dispatches": "Commands whose answer was lost cannot be looked up",
    "collect_results": "Results cannot be collected",
    "start_hosts": "Stopped servers cannot be started",
    "watch_hosts": "Started servers cannot be watched",
    "send_checks": "Checks cannot be sent",
    "send_patches": "Patches cannot be sent",
    "send_rescans": "Servers cannot be looked at again",
    "remove_from_finished": "Tags cannot be taken away",
    "remove_run_tags": "Tags cannot be taken away",
    "power_down": "Servers that were started cannot be stopped",
    "clean_up": "Tags cannot be taken away",
}
log = structlog.get_logger(__name__)


@contextmanager
def guarded(scope: Scope, phase: str) -> Iterator[None]:
    """Trouble inside is told in the run's log and goes no further; what ends the work itself passes.

    What AWS refuses will be refused again: it stands on the run's page until the phase gets through.
    """
    run = scope.run
    try:
        yield
    except ENDS_RECONCILE:
        raise
    except CloudError as error:
        log.warning("phase_refused", run=run.pk, phase=phase, error=str(error))
        record_trouble(run, phase, f"AWS: {error}")
        if isinstance(error, Refused) and not scope.noted.is_missing(error):
            hindrances.note(run, refusal_of(phase, error), now=scope.now())
    except Exception as error:  # nobody foresaw it: the log keeps its trace
        log.exception("phase_failed", run=run.pk, phase=phase)
        record_trouble(run, phase, f"A step of this run failed and will be tried again. {sentence(error)}")


def refusal_of(phase: str, error: CloudError) -> Refusal:
    return Refusal(phase, CANNOT.get(phase, "AWS refuses a step of this run"), sentence(error))


@transaction.atomic
def record_trouble(run: Run, subject: str, text: str) -> None:
    """A sentence is not repeated while it is the last one told of its subject: a phase, or a gate's place."""
    told = AuditEvent.objects.filter(run_id=run.pk, kind="run.trouble", detail__subject=subject)
    last = told.order_by("-pk").first()
    if last is None or last.summary != text:
        entry = Entry("run.trouble", "run", str(run.pk), text, run_id=run.pk, detail={"subject": subject})
        record(entry, by=None)
