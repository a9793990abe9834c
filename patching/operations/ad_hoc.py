"""Runs that somebody starts now: never while another run still works on one of the window's servers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from patching.models import Enrolment, Run, Window
from patching.operations.runs import plan_ad_hoc
from patching.policy.run_policy import RunPolicy
from patching.queries.candidates import enrolled
from patching.rules import check_in_no_run, check_nobody_in_a_run, check_owns
from patching.states import TargetState
from portal.access.models import User
from portal.access.rules import Conflict, Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import Entry, record
from portal.inventory.models import Asset

# A stopped server has to start and to be stopped again.
CHECK_ENDS, CHECK_CUTOFF = timedelta(minutes=30), timedelta(minutes=20)


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


@transaction.atomic
def check_again(*, asset: Asset, by: User, now: datetime) -> Run:
    """A run that only checks this server, at once; its owner may start it too.

    Raises Conflict while a run works on the server, or where it would be left out.
    """
    check_owns(asset, by)
    asset = Asset.objects.select_for_update(of=("self",)).select_related("account").get(pk=asset.pk)
    check_in_no_run(asset, now)
    run = plan_ad_hoc(
        name=f"Check of {asset.label}"[:120],
        like=_check_like(asset),
        starts_at=now,
        cutoff_at=now + CHECK_CUTOFF,
        ends_at=now + CHECK_ENDS,
        assets=[asset],
        by=by,
        now=now,
    )
    target = run.targets.get()
    if target.state == TargetState.SKIPPED:
        raise Conflict(f"{asset.label} is not checked now. {target.reason}")
    record(
        Entry("run.planned", "run", str(run.pk), f"Started a check by hand: {run.name}", run_id=run.pk), by=by
    )
    return run


def _check_like(asset: Asset) -> Run:
    """By the policy of its window; one server needs no waves."""
    enrolment = Enrolment.objects.filter(asset=asset, ended_at=None).select_related("window").first()
    policy = enrolment.window.run_policy if enrolment else RunPolicy()
    zone = enrolment.window.time_zone if enrolment else settings.DISPLAY_TIME_ZONE
    return Run(time_zone=zone, policy=policy.to_json() | {"waves": []}, check_only=True)
