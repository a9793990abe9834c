"""Runs that somebody starts now: never while another run still works on one of the window's servers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from patching.models import Run, Window
from patching.operations.runs import plan_ad_hoc
from patching.queries.candidates import enrolled
from patching.rules import check_nobody_in_a_run
from portal.access.models import User
from portal.access.rules import Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import Entry, record
from portal.inventory.models import Asset


@transaction.atomic
def start(*, window: Window, by: User, now: datetime, check_only: bool) -> Run:
    """Raises Conflict while a run is under way; of two people who press at once the second reads that."""
    check_role(by, Role.ADMIN)
    window = Window.objects.select_for_update().get(pk=window.pk)
    check_nobody_in_a_run(window, now)
    return _start(window, list(enrolled(window)), by=by, now=now, check_only=check_only)


@transaction.atomic
def _start(window: Window, assets: Iterable[Asset], *, by: User, now: datetime, check_only: bool) -> Run:
    """A run that starts at once, with the window's duration, cutoff and policy. It asks for no other run."""
    chosen = list(assets)
    if not chosen:
        raise Invalid(f"No server is enrolled in {window.name}, so there is nothing to run.", field="window")
    ends_at = now + timedelta(minutes=window.duration_minutes)
    run = plan_ad_hoc(
        name=f"{window.name}, {'pre-check only' if check_only else 'started by hand'}",
        like=Run(time_zone=window.time_zone, policy=window.run_policy.to_json(), check_only=check_only),
        starts_at=now,
        cutoff_at=ends_at - timedelta(minutes=window.cutoff_minutes),
        ends_at=ends_at,
        assets=chosen,
        by=by,
        now=now,
    )
    kind = "pre-check" if check_only else "run"
    said = f"Started a {kind} by hand: {run.name}"
    record(Entry("run.planned", "run", str(run.pk), said, run_id=run.pk), by=by)
    return run
