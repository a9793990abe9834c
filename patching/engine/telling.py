"""Trouble that the run's log tells, once for as long as it lasts."""

from __future__ import annotations

from django.db import transaction

from patching.models import Run
from portal.audit.models import AuditEvent
from portal.audit.operations import Entry, record


@transaction.atomic
def tell_once(run: Run, sentence: str) -> None:
    """The same sentence is not repeated while it is the last one of the log."""
    last = AuditEvent.objects.filter(run_id=run.pk, kind="run.trouble").order_by("-pk").first()
    if last is None or last.summary != sentence:
        record(Entry("run.trouble", "run", str(run.pk), sentence, run_id=run.pk), by=None)
