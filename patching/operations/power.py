"""Power holds: who needs which stopped host running, and whether it may be stopped again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F

from patching.models import PowerHold, Run, Target
from patching.operations import targets
from patching.states import HoldState, TargetState
from portal.audit.operations import Entry, record
from portal.tags.models import InstanceRef
from portal.tags.operations import want

NEEDED = [HoldState.WANTED, HoldState.STARTING, HoldState.HELD]


def ref(target: Target) -> InstanceRef:
    return InstanceRef(target.account_id, target.region, target.instance_id)


@transaction.atomic
def hold(run: Run, stopped: Iterable[Target], *, now: datetime) -> None:
    """Writes the holds and wants the Wake tag: the start itself follows from these rows."""
    rows = list(stopped)
    moved = set(targets.move([row.pk for row in rows], TargetState.WAKING, now=now))
    rows = [row for row in rows if row.pk in moved]
    PowerHold.objects.bulk_create(
        (PowerHold(asset_id=row.asset_id, run=run, wanted_at=now) for row in rows), ignore_conflicts=True
    )
    if rows:
        key, reason = settings.TAG_KEYS["wake"], f"{run.name} starts it for its run"
        want(
            instances=[ref(row) for row in rows],
            key=key, value=str(run.pk), reason=reason, run_id=run.pk, by=None, now=now,
        )  # fmt: skip


@transaction.atomic
def count_start(holds: list[PowerHold], *, now: datetime) -> None:
    """The attempt is counted before it is tried."""
    run_id, ids = holds[0].run_id, [hold.pk for hold in holds]
    PowerHold.objects.filter(pk__in=ids, state=HoldState.WANTED).update(
        attempts=F("attempts") + 1, state=HoldState.STARTING, started_at=now
    )
    what = f"{len(ids)} stopped servers" if len(ids) > 1 else holds[0].asset.label
    record(
        Entry("power.starting", "run", str(run_id), f"Starting {what} for the run", run_id=run_id), by=None
    )


@transaction.atomic
def online(hold: PowerHold, launch_time: datetime | None, *, now: datetime) -> None:
    PowerHold.objects.filter(pk=hold.pk).update(state=HoldState.HELD, launch_time=launch_time)
    targets.move(_target_ids(hold), TargetState.WAITING, now=now)


@transaction.atomic
def failed(
    hold: PowerHold, reason: str, *, started: bool, launch_time: datetime | None, now: datetime
) -> None:
    """It cannot be patched. If it was started all the same, the hold stays and the clean-up stops it again."""
    state = HoldState.HELD if started else HoldState.FAILED
    PowerHold.objects.filter(pk=hold.pk).update(state=state, reason=reason, launch_time=launch_time)
    targets.move(_target_ids(hold), TargetState.BLOCKED, now=now, code="not_started", reason=reason)
    if not started:
        _take_mark_away(hold, now)


def _target_ids(hold: PowerHold) -> list[int]:
    return list(
        Target.objects.filter(run_id=hold.run_id, asset_id=hold.asset_id).values_list("pk", flat=True)
    )


@transaction.atomic
def releasing(hold: PowerHold) -> bool:
    """Claims the stop. False: another run still needs the host, so that run's hold will stop it."""
    hold = PowerHold.objects.select_for_update().get(pk=hold.pk)
    others = PowerHold.objects.filter(asset_id=hold.asset_id, state__in=NEEDED).exclude(pk=hold.pk)
    hold.state = HoldState.KEPT if others.exists() else HoldState.RELEASING
    hold.reason = "Another run still needs it." if hold.state == HoldState.KEPT else hold.reason
    hold.save()
    return hold.state == HoldState.RELEASING


@transaction.atomic
def settle(hold: PowerHold, to: HoldState, *, reason: str, now: datetime) -> None:
    """Released or kept, told in the run's log, and the Wake tag is wanted gone."""
    PowerHold.objects.filter(pk=hold.pk).update(state=to, reason=reason, released_at=now)
    summary = f"{hold.asset.label}: {to.label.lower()}. {reason}"
    record(Entry(f"power.{to.value}", "asset", str(hold.asset_id), summary, run_id=hold.run_id), by=None)
    _take_mark_away(hold, now)


def _take_mark_away(hold: PowerHold, now: datetime) -> None:
    place = InstanceRef(hold.asset.account.account_id, hold.asset.region, hold.asset.instance_id)
    want(
        instances=[place],
        key=settings.TAG_KEYS["wake"],
        value=None,
        reason="The run is over for it",
        run_id=hold.run_id,
        by=None,
        now=now,
    )  # fmt: skip
