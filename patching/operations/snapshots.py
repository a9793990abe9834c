"""Snapshots of root volumes: requested before a patch command, taken once, deleted when their time is over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from aws.errors import CloudError
from aws.ports import VolumeSnapshot
from patching.models import Restore, RootSnapshot, Run, Target
from patching.operations import targets
from patching.policy.patience import DELETIONS
from patching.states import RESTORE_OVER, SNAPSHOT, SnapshotState, TargetState
from portal.audit.operations import Entry
from portal.machine.mover import Mover, Step, each
from portal.notify.operations import notify

S = SnapshotState
NAMED = 5


@transaction.atomic
def request(run: Run, chosen: Iterable[Target], *, now: datetime) -> None:
    """The rows come first: what is asked of AWS can be found again by their ids. A retry keeps the first snapshot."""
    expires_at = now + timedelta(days=run.run_policy.snapshot_keep_days)
    chosen = list(chosen)
    known = RootSnapshot.objects.filter(target__in=chosen)
    have = set(known.values_list("target_id", flat=True))
    # Its target is ready once more, so somebody had it tried again.
    failed_before = known.filter(state=S.FAILED).values_list("pk", flat=True)
    MOVER.move(failed_before, S.WANTED, back=True, fields={"reason": "", "due_at": now, "tries": 0})
    rows = [
        RootSnapshot(
            target=row, run=run, asset=row.asset, account_id=row.account_id, region=row.region,
            instance_id=row.instance_id, wanted_at=now, due_at=now, expires_at=expires_at,
        )
        for row in chosen if row.pk not in have
    ]  # fmt: skip
    RootSnapshot.objects.bulk_create(rows)
    MOVER.made(rows)


def _entry(row: RootSnapshot, step: Step[SnapshotState], kind: str) -> Entry:
    summary = f"{row.asset.label}: snapshot of its root volume {step.to.label.lower()}"
    summary += f". {step.said}" if step.said else ""
    detail = {"from": row.state, "to": step.to.value, "snapshot": row.snapshot_id, "row": str(row.pk)}
    return Entry(kind, "asset", str(row.asset_id), summary, run_id=row.run_id, detail=detail)


MOVER = Mover(RootSnapshot, SNAPSHOT, each(_entry), related=("asset",))


def _moved(
    rows: Iterable[RootSnapshot], to: SnapshotState, reason: str = "", **facts: Any
) -> list[RootSnapshot]:
    """Those that may go there, moved, as they were read before."""
    asked = {row.pk: row for row in rows}
    return [asked[pk] for pk in MOVER.move(asked, to, said=reason, fields={"reason": reason, **facts})]


def count_try(row: RootSnapshot, volume_id: str, *, now: datetime) -> bool:
    """The attempt is counted before it is tried. False: another worker is at it."""
    facts: dict[str, Any] = {"tries": F("tries") + 1, "volume_id": volume_id, "due_at": now}
    return bool(_moved([row], S.CREATING, **facts))


def taken(row: RootSnapshot, seen: VolumeSnapshot, *, now: datetime) -> None:
    """AWS named it, in its answer or by our tag: it holds the volume as it was, also while it is still copied."""
    facts: dict[str, Any] = {
        "snapshot_id": seen.snapshot_id,
        "taken_at": seen.started_at or now,
        "unknown_since": None,
        "due_at": now,
    }
    _moved([row], S.TAKEN, **facts)


def completed(rows: Iterable[RootSnapshot], *, now: datetime) -> None:
    _moved(rows, S.COMPLETED, completed_at=now)


def unknown(row: RootSnapshot, reason: str, *, now: datetime) -> None:
    """Its answer was lost: the tag is looked for before anything is asked again."""
    _moved([row], S.UNKNOWN, reason, unknown_since=now, due_at=now)


def again(row: RootSnapshot, reason: str, *, due_at: datetime) -> None:
    """AWS certainly did nothing, or nothing was found in time."""
    _moved([row], S.WANTED, reason, due_at=due_at, unknown_since=None)


@transaction.atomic
def failed(rows: Iterable[RootSnapshot], reason: str, *, now: datetime) -> None:
    """Nothing is patched without the snapshot that its window asks for."""
    moved = _moved(rows, S.FAILED, reason, due_at=now)
    # Only who still waits: a copy that breaks after the patch command changes nothing for its host.
    waiting = Target.objects.filter(pk__in=[row.target_id for row in moved], state=TargetState.READY)
    code, said = "no_snapshot", f"There is no snapshot to go back to, so it is not patched. {reason}"
    targets.move(waiting.values_list("pk", flat=True), TargetState.BLOCKED, now=now, code=code, reason=said)


@transaction.atomic
def deleting(rows: Iterable[RootSnapshot], *, now: datetime) -> list[RootSnapshot]:
    """Claims the deletion of what is past its time; what a restore needs stays."""
    asked = {row.pk: row for row in rows}
    list(RootSnapshot.objects.select_for_update().filter(pk__in=asked).order_by("pk").values_list("pk"))
    used = Restore.objects.exclude(state__in=RESTORE_OVER).filter(snapshot__in=asked)
    needed = set(used.values_list("snapshot_id", flat=True))
    return _moved((row for pk, row in asked.items() if pk not in needed), S.DELETING, due_at=now)


def deleted(rows: Iterable[RootSnapshot], *, now: datetime) -> None:
    _moved(rows, S.DELETED, deleted_at=now)


@transaction.atomic
def refused(errors: Mapping[RootSnapshot, CloudError], *, now: datetime) -> None:
    """They are tried again, or left in the account after a month: told to the admins, once for all of the call."""
    left: list[RootSnapshot] = []
    for row, error in errors.items():
        if DELETIONS.over(row.expires_at, now):
            left += _moved([row], S.LEFT, f"AWS did not delete it for a month: {error}"[:500])
        else:
            RootSnapshot.objects.filter(pk=row.pk, state=S.DELETING).update(reason=str(error)[:500])
    if left:
        told = f"{', '.join(row.snapshot_id or str(row.pk) for row in left[:NAMED])}"
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        said = f"AWS did not delete {told}{more} for a month. Delete them in EC2: the portal asks no more."
        notify("snapshot.left", left[0].run, said=f"{said} {errors[left[0]]}")


def postpone(rows: Iterable[RootSnapshot], reason: str, *, due_at: datetime) -> None:
    """The next look; the state stays, so there is nothing to audit."""
    RootSnapshot.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=due_at, reason=reason[:500])


def by_tag(seen: Iterable[VolumeSnapshot], key: str) -> Mapping[str, list[VolumeSnapshot]]:
    """Row id → the snapshots that bear it, oldest first."""
    found: dict[str, list[VolumeSnapshot]] = {}
    for item in sorted(seen, key=lambda item: (str(item.started_at), item.snapshot_id)):
        found.setdefault(item.tags.get(key, ""), []).append(item)
    return found
