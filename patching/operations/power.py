"""Power holds: who needs which stopped host running, and whether it may be stopped again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from patching.models import PowerHold, Run, Target
from patching.operations import targets
from patching.operations.runs import needed_reason
from patching.policy import waking
from patching.queries.waking import wakes_of
from patching.rules import check_owns
from patching.states import HOLD, HOLD_OPEN, HoldState, TargetState
from portal.access.models import User
from portal.access.rules import Conflict
from portal.audit.operations import Entry, record_all
from portal.inventory.models import Asset
from portal.machine.mover import Mover, Step, each
from portal.tags.models import InstanceRef
from portal.tags.operations import request_tag

H = HoldState
RUNNING = [H.STARTING, H.HELD]  # for a run that has looked: it started the host, or joined who did
OPEN = list(HOLD_OPEN)
GIVEN_AWAY = "Another run still needs it."


def ref(target: Target) -> InstanceRef:
    return InstanceRef(target.account_id, target.region, target.instance_id)


def place_of(hold: PowerHold) -> tuple[str, str]:
    return hold.asset.account.account_id, hold.asset.region


@transaction.atomic
def hold(run: Run, stopped: Iterable[Target], *, now: datetime) -> None:
    """Writes the holds, each with its turn, and wants the Wake tag: the start itself follows from these rows."""
    rows = list(stopped)
    lock_assets(row.asset_id for row in rows)
    waking_now = set(targets.move([row.pk for row in rows], TargetState.WAKING, now=now))
    rows = [row for row in rows if row.pk in waking_now]
    known = _reopen(run, rows, now=now)
    turns = _turns(run, rows)
    made = PowerHold.objects.bulk_create(
        PowerHold(
            asset=row.asset, run=run, wanted_at=now, due_at=now + timedelta(seconds=turns[row.asset_id])
        )
        for row in rows
        if row.asset_id not in known
    )
    if rows:
        MOVER.made(made)
        request_tag(
            instances=[ref(row) for row in rows], key=settings.TAG_KEYS["wake"], value=str(run.pk),
            reason=f"{run.name} starts it for its run", run_id=run.pk, by=None, now=now,
        )  # fmt: skip


def _reopen(run: Run, rows: list[Target], *, now: datetime) -> set[int]:
    """The one way back of a hold, and only when a person has its server tried again (control.retry).

    Returns the assets that this run has held before.
    """
    mine = PowerHold.objects.filter(run=run, asset__in=[row.asset_id for row in rows])
    blank: dict[str, Any] = {
        "started_at": None, "online_at": None, "releasing_at": None, "released_at": None, "reason": "",
        "stop_attempts": 0, "wanted_at": now,
    }  # fmt: skip
    anew: dict[str, Any] = {"due_at": now, "attempts": 0, "launch_time": None, "hibernated": False,
                            "kept_by": None}  # fmt: skip
    known = dict(mine.values_list("pk", "asset_id"))
    # the second: it runs, but Systems Manager had not seen it in time
    for to, facts in ((H.WANTED, anew), (H.STARTING, {})):
        MOVER.move(known, to, said="Tried again.", back=True, fields=blank | facts)
    return set(known.values())


def _turns(run: Run, rows: list[Target]) -> dict[int, float]:
    """asset pk → seconds until its batch is started, place by place."""
    wakes = wakes_of([row.asset_id for row in rows], run.run_policy)
    places: dict[waking.Place, dict[int, float]] = defaultdict(dict)
    for row in rows:
        places[row.account_id, row.region][row.asset_id] = wakes[row.asset_id]
    return {pk: turn for here in places.values() for pk, turn in waking.turns(here, seed=str(run.pk)).items()}


def moved(holds: Iterable[PowerHold], to: HoldState, reason: str = "", **facts: Any) -> set[int]:
    """Moves those that may go there; returns their keys."""
    return set(MOVER.move((item.pk for item in holds), to, said=reason, fields={"reason": reason, **facts}))


def _entry(item: PowerHold, step: Step[HoldState], kind: str) -> Entry:
    summary = f"{item.asset.label}: {step.to.label.lower()}" + (f". {step.said}" if step.said else "")
    detail = {"from": item.state, "to": step.to.value}
    return Entry(kind, "asset", str(item.asset_id), summary, run_id=item.run_id, detail=detail)


MOVER = Mover(PowerHold, HOLD, each(_entry), related=("asset",))


@transaction.atomic
def count_start(holds: list[PowerHold], *, now: datetime) -> list[PowerHold]:
    """The attempt is counted before it is tried. Returns those that are still to be started."""
    begun = moved(holds, H.STARTING, attempts=F("attempts") + 1, started_at=now, launch_time=None)
    return list(PowerHold.objects.filter(pk__in=begun).select_related("asset__account", "run").order_by("pk"))


@transaction.atomic
def share(holds: list[PowerHold], *, now: datetime) -> list[PowerHold]:
    """They run already. Joins those that we started: an earlier try whose answer was lost, or another run.

    Another run that wants to stop one, and was refused, gives it up for this run. Returns those that we did not start.
    """
    ids = {item.asset_id for item in holds}
    lock_assets(ids)
    others = PowerHold.objects.filter(asset__in=ids, kept_by=None).exclude(pk__in=[h.pk for h in holds])
    running = list(others.filter(state__in=[*RUNNING, H.RELEASING]).order_by("pk"))
    going = {row.asset_id for row in running if row.state == H.RELEASING and not row.reason}
    theirs = {row.asset_id for row in running} - going
    refused = [row for row in running if row.state == H.RELEASING and row.asset_id in theirs]
    moved(refused, H.KEPT, GIVEN_AWAY, released_at=now)
    mine = [item for item in holds if item.asset_id in theirs or item.started_at]
    moved(mine, H.STARTING)
    note_hibernated(holds, {row.asset_id for row in running if row.hibernated})
    return [item for item in holds if item not in mine and item.asset_id not in going]


def note_hibernated(holds: Iterable[PowerHold], asset_ids: Container[int]) -> None:
    """These were hibernated before the portal started them, so they are to be hibernated again."""
    found = [item for item in holds if item.asset_id in asset_ids]
    PowerHold.objects.filter(pk__in=[item.pk for item in found], hibernated=False).update(hibernated=True)


def postpone(holds: Iterable[PowerHold], reason: str, *, due_at: datetime, certain: bool = True) -> None:
    """Tried again at `due_at`. `certain`: AWS refused, so whoever runs then was started by somebody else."""
    tried = {"started_at": None} if certain else {}
    moved(holds, H.WANTED, reason, due_at=due_at, **tried)


@transaction.atomic
def not_ours(holds: list[PowerHold], reason: str, *, now: datetime) -> None:
    """Somebody else has it running: it is patched, and never stopped by us."""
    kept = moved(holds, H.KEPT, reason, released_at=now)
    ours = [item for item in holds if item.pk in kept]
    targets.move(_target_ids(ours), TargetState.WAITING, now=now)
    take_marks_away(ours, now)


def saw_launch(hold: PowerHold, launch_time: datetime | None) -> None:
    """Remembers the launch that our start caused; a later one is somebody else's."""
    PowerHold.objects.filter(pk=hold.pk, launch_time=None).update(launch_time=launch_time)


@transaction.atomic
def online(holds: list[PowerHold], *, now: datetime) -> None:
    """Systems Manager sees them: their targets go on to the check, and the time it took is remembered."""
    awake = moved(holds, H.HELD, online_at=now)
    targets.move(_target_ids(item for item in holds if item.pk in awake), TargetState.WAITING, now=now)


@transaction.atomic
def failed(holds: list[PowerHold], reason: str, *, started: bool, now: datetime) -> None:
    """They cannot be patched. Whoever may run all the same stays held, and the clean-up stops it again."""
    ended = moved(holds, H.HELD if started else H.FAILED, reason)
    lost = [item for item in holds if item.pk in ended]
    targets.move(_target_ids(lost), TargetState.BLOCKED, now=now, code="not_started", reason=reason)
    if not started:
        take_marks_away(lost, now)


@transaction.atomic
def left_asleep(holds: list[PowerHold], code: str, reason: str, *, now: datetime) -> None:
    """EC2 shows right before the start what the plan did not know: they are left out as they are."""
    ended = moved(holds, H.FAILED, reason)
    out = [item for item in holds if item.pk in ended]
    targets.move(_target_ids(out), TargetState.SKIPPED, now=now, code=code, reason=reason)
    take_marks_away(out, now)


def _target_ids(holds: Iterable[PowerHold]) -> list[int]:
    """The targets of these holds, which all belong to one run."""
    rows = list(holds)
    if not rows:
        return []
    found = Target.objects.filter(run_id=rows[0].run_id, asset__in=[item.asset_id for item in rows])
    return list(found.values_list("pk", flat=True))


def lock_assets(ids: Iterable[int]) -> None:
    """Two runs that hold the same host take turns, so that one of them is the last."""
    list(Asset.objects.select_for_update().filter(pk__in=set(ids)).order_by("pk").values_list("pk"))


def take_marks_away(holds: list[PowerHold], now: datetime) -> None:
    """Only where no other run has put its own Wake tag in the place of ours."""
    others = PowerHold.objects.filter(asset__in=[item.asset_id for item in holds], state__in=OPEN)
    theirs = set(others.exclude(pk__in=[item.pk for item in holds]).values_list("asset_id", flat=True))
    ours = [item for item in holds if item.asset_id not in theirs]
    if ours:
        request_tag(
            instances=[InstanceRef(*place_of(item), item.asset.instance_id) for item in ours],
            key=settings.TAG_KEYS["wake"], value=None, reason="The run is over for it",
            run_id=ours[0].run_id, by=None, now=now,
        )  # fmt: skip


@transaction.atomic
def keep_running(*, asset: Asset, by: User, reason: str, now: datetime) -> None:
    """The portal will not stop it again after the run. Its owner or an admin, with a reason."""
    check_owns(asset, by)
    reason = needed_reason(reason)
    rows = list(PowerHold.objects.select_for_update().filter(asset=asset, state__in=OPEN).order_by("pk"))
    if not rows:
        raise Conflict(f"No run keeps {asset.label} started, so no run is going to stop it.")
    if any(row.state == H.RELEASING for row in rows):
        raise Conflict(
            f"{asset.label} is being stopped at this moment. Start it again in EC2 if you need it."
        )
    PowerHold.objects.filter(pk__in=[row.pk for row in rows]).update(kept_by=by, keep_reason=reason)
    said = f"{asset.label}: is not stopped after the run. {reason}"
    record_all((Entry("power.keep", "asset", str(asset.pk), said, run_id=row.run_id) for row in rows), by=by)
