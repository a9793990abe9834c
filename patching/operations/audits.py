"""The nightly audit of runs: kept, and told to the admins when a promise is broken."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.urls import reverse

from patching.invariants import Violation, audited
from patching.models import Run, RunAudit
from portal.access.queries import people_with
from portal.access.states import Role
from portal.audit.operations import Entry, record
from portal.notify.operations import tell

LOOK_BACK = timedelta(days=30)
MOST_KEPT = 500  # sentences of one audit


def audit_runs(*, now: datetime) -> RunAudit:
    """Checks the runs of the last 30 days. Reads outside the transaction that keeps the result."""
    began = time.monotonic()
    ids = list(Run.objects.filter(starts_at__gte=now - LOOK_BACK).order_by("pk").values_list("pk", flat=True))
    found = audited(ids, now=now)
    return _keep(len(ids), found, took_s=time.monotonic() - began, now=now)


@transaction.atomic
def _keep(runs: int, found: list[Violation], *, took_s: float, now: datetime) -> RunAudit:
    rows = [_row(item) for item in found]
    audit = RunAudit.objects.create(checked_at=now, runs=runs, took_s=took_s, violations=rows[:MOST_KEPT])
    said = (
        f"Audit of {runs} runs: {len(found)} broken promises"
        if found
        else f"Audit of {runs} runs: all is well"
    )
    record(Entry("runs.audited", "audit", str(audit.pk), said), by=None)
    if found:
        sentence = f"The nightly audit found {len(found)} broken promises in runs: {found[0].sentence}"
        tell(people_with(Role.ADMIN), kind="runs.audit", sentence=sentence, url=reverse("patching:audits"))
    return audit


def _row(item: Violation) -> dict[str, Any]:
    facts = {"invariant": item.invariant, "run": item.run_id, "sentence": item.sentence}
    return facts | ({"exception": item.request_id} if item.request_id else {})
