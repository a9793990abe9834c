"""Runs are planned, started, halted and cancelled here; each write locks the run first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from patching.models import Run, Target, Window
from patching.operations import targets, waves
from patching.planner import Plan, batches
from patching.queries.candidates import enrolled, late, plan_for
from patching.rules import check_cancellable, check_haltable
from patching.states import BEFORE_SENDING, RUN, RUN_OVER, RunState, TargetState
from portal.access.models import User
from portal.access.rules import Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import Entry, record
from portal.inventory.models import Asset
from portal.isolation import isolated
from portal.machine.mover import Mover, Step, each

PLANNED_AT_ONCE = 1_000


def plan_due(*, now: datetime) -> list[Run]:
    """Makes the runs of every active window that start within its planning horizon. Idempotent."""
    made: list[Run] = []
    for window in Window.objects.filter(active=True):
        # one broken window never stops the others (invariant I12); the log keeps the trace
        with isolated("window_not_planned", window=window.slug):
            made += _plan_window(window, now)
    return made


def _plan_window(window: Window, now: datetime) -> list[Run]:
    open_since = now - timedelta(minutes=window.duration_minutes - window.cutoff_minutes)
    horizon = now + timedelta(seconds=window.run_policy.plan_ahead_s)
    made: list[Run] = []
    for starts_at in window.recurrence.after(max(open_since, window.created_at)):
        if starts_at > horizon:
            return made
        run = plan_occurrence(window, starts_at, now=now)
        made += [run] if run else []
    return made


@transaction.atomic
def plan_occurrence(window: Window, starts_at: datetime, *, now: datetime) -> Run | None:
    """The run of one occurrence, or None when it exists already (also when another beat was faster)."""
    ends_at = starts_at + timedelta(minutes=window.duration_minutes)
    run, created = Run.objects.get_or_create(
        window=window,
        starts_at=starts_at,
        defaults={
            "name": window.name,
            "time_zone": window.time_zone,
            "cutoff_at": ends_at - timedelta(minutes=window.cutoff_minutes),
            "ends_at": ends_at,
            "policy": window.run_policy.to_json(),
            "created_at": now,
            "next_look_at": now,
        },
    )
    if not created:
        return None
    replan(run, now=now)
    record(Entry("run.planned", "run", str(run.pk), f"Planned {run.name}", run_id=run.pk), by=None)
    return run


@dataclass(frozen=True)
class Planned:
    """How many servers a planning took in, and how many it left out."""

    included: int
    excluded: int


def replan(run: Run, *, now: datetime, assets: Iterable[Asset] | None = None) -> Planned:
    """Makes the targets anew while the run is still planned. Called inside a transaction that holds the run."""
    late_ids = late(run.window, run.starts_at) if run.window else set()
    pieces = _pieces(run, assets)
    _clear(run)
    included = excluded = 0
    for chunk in pieces:
        plan = plan_for(chunk, run.starts_at, run.ends_at, run.run_policy, late_ids)
        _insert(run, {asset.pk: asset for asset in chunk}, plan, now)
        included, excluded = included + len(plan.included), excluded + len(plan.excluded)
    waves.plan(run)
    return Planned(included, excluded)


def _pieces(run: Run, assets: Iterable[Asset] | None) -> Iterator[list[Asset]]:
    """A fleet is planned in pieces, so that the memory it takes does not grow with it."""
    if assets is None and run.window:
        assets = enrolled(run.window)
    if assets is not None:
        streamed = assets.iterator(PLANNED_AT_ONCE) if isinstance(assets, QuerySet) else assets
        return batches(streamed, PLANNED_AT_ONCE)
    ids = list(run.targets.order_by("asset").values_list("asset", flat=True))  # before they are cleared
    known = Asset.objects.select_related("account").order_by("pk")
    return (list(known.filter(pk__in=some)) for some in batches(ids, PLANNED_AT_ONCE))


def _clear(run: Run) -> None:
    """Django reads what it deletes, so it is given little at a time."""
    for some in batches(list(run.targets.values_list("pk", flat=True)), PLANNED_AT_ONCE):
        run.targets.filter(pk__in=some).delete()


def _insert(run: Run, assets: dict[int, Asset], plan: Plan, now: datetime) -> None:
    rows = [_target(run, assets[item.asset_id], now) for item in plan.included]
    for out in plan.excluded:
        row = _target(run, assets[out.candidate.asset_id], now)
        targets.MOVER.begin(row, TargetState.SKIPPED)
        row.reason_code, row.reason, row.cleaned_at = out.code, out.sentence, now
        rows.append(row)
    Target.objects.bulk_create(rows)


def _target(run: Run, asset: Asset, now: datetime) -> Target:
    return Target(
        run=run,
        asset=asset,
        account_id=asset.account.account_id,
        region=asset.region,
        instance_id=asset.instance_id,
        platform=asset.platform,
        cluster=asset.cluster,
        since=now,
        os_label=asset.os_name,
    )


def plan_ad_hoc(
    *,
    name: str,
    like: Run,
    starts_at: datetime,
    cutoff_at: datetime,
    ends_at: datetime,
    assets: Iterable[Asset],
    by: User,
    now: datetime,
) -> Run:
    """A run without a window, with the policy and zone of `like`. Called inside the caller's transaction."""
    run = Run.objects.create(
        name=name,
        time_zone=like.time_zone,
        policy=like.policy,
        check_only=like.check_only,
        retry_of=like if like.pk else None,
        starts_at=starts_at,
        cutoff_at=cutoff_at,
        ends_at=ends_at,
        created_at=now,
        created_by=by,
        next_look_at=now,
    )
    replan(run, now=now, assets=assets)
    return run


def halt(*, run: Run, by: User | None, reason: str, now: datetime) -> Run:
    """Nothing more is sent; what is in flight is still collected and cleaned up. `by=None`: too many errors."""
    if by is not None:
        check_role(by, Role.ADMIN)
    reason = needed_reason(reason)
    with transaction.atomic():
        locked = lock(run)
        check_haltable(locked)
        enter(locked, RunState.HALTING, now=now, reason=reason, by=by, summary=f"Halted: {reason}")
        waves.stop_all(locked, reason=f"The run was halted: {reason}", now=now)
        waiting = locked.targets.filter(state__in=BEFORE_SENDING).values_list("pk", flat=True)
        targets.move(
            waiting, TargetState.HALTED, now=now, code="halted", reason=f"The run was halted: {reason}", by=by
        )
    return locked


def cancel(*, run: Run, by: User, reason: str, now: datetime) -> Run:
    """Takes back a run that has not begun."""
    check_role(by, Role.ADMIN)
    reason = needed_reason(reason)
    with transaction.atomic():
        locked = lock(run)
        check_cancellable(locked)
        enter(locked, RunState.CANCELLED, now=now, reason=reason, by=by, summary=f"Cancelled: {reason}")
        waiting = locked.targets.filter(state=TargetState.PLANNED).values_list("pk", flat=True)
        targets.move(
            waiting, TargetState.SKIPPED, now=now, code="cancelled", reason="The run was cancelled.", by=by
        )
        locked.targets.filter(cleaned_at=None).update(cleaned_at=now)
    return locked


def needed_reason(text: str) -> str:
    """The reason without blanks around it. Raises Invalid when it is empty or too long."""
    text = text.strip()
    if not text:
        raise Invalid("Write a reason: people who wait for this run will read it.", field="reason")
    if len(text) > 500:
        raise Invalid(f"The reason has {len(text)} characters; 500 are enough.", field="reason")
    return text


def lock(run: Run) -> Run:
    """The row, locked until the end of the transaction."""
    return Run.objects.select_for_update().get(pk=run.pk)


def enter(
    run: Run, to: RunState, *, now: datetime, summary: str, reason: str = "", by: User | None = None
) -> None:
    """One move of a run, with its audit event. Raises Conflict where the table has no such move."""
    begun = {"started_at": now} if to == RunState.WAKING else {}
    over = {"finished_at": now} if to in RUN_OVER else {}
    why = {"reason": reason} if reason else {}
    facts = {"next_look_at": now, **begun, **over, **why}
    MOVER.move_or_refuse(run, to, lambda row: _no_way(row, to), said=summary, by=by, fields=facts)


def _no_way(run: Run, to: RunState) -> str:
    return f"A run that is {RUN.label(run.state).lower()} cannot become {to.label.lower()}."


def _entry(run: Run, step: Step[RunState], kind: str) -> Entry:
    return Entry(kind, "run", str(run.pk), step.said, run_id=run.pk, detail={"from": run.state})


MOVER = Mover(Run, RUN, each(_entry))
