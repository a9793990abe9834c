"""A root volume goes back to what it was before a run: asked for by an admin, carried out by engine/restores.py."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from aws.states import RootVolumeState
from patching.models import AssetPatchState, Restore, RootSnapshot
from patching.operations.runs import needed_reason
from patching.queries.power_and_snapshots import why_not
from patching.states import RESTORE, RestoreState
from portal.access.models import User
from portal.access.rules import Conflict, check_role
from portal.access.states import Role
from portal.audit.operations import Entry
from portal.inventory.models import Asset
from portal.machine.mover import Mover, Step, each

R = RestoreState


@transaction.atomic
def ask(*, snapshot: RootSnapshot, by: User, reason: str, now: datetime) -> Restore:
    """Wants the root volume as it was at the snapshot. Admins only; what was written since is gone from the host."""
    check_role(by, Role.ADMIN)
    reason = needed_reason(reason)
    # The asset's row serialises this with the claim of a patch command, the snapshot's with its deletion.
    asset = Asset.objects.select_for_update(of=("self",)).get(pk=snapshot.asset_id)
    row = RootSnapshot.objects.select_for_update().get(pk=snapshot.pk)
    if why := why_not(row, asset):
        raise Conflict(why)
    made = Restore.objects.create(
        snapshot=row, asset=asset, reason=reason, requested_by=by, requested_at=now, due_at=now
    )
    said = f"its root volume goes back to {row.taken_at:%Y-%m-%d %H:%M} UTC. {reason}"
    MOVER.made([made], said, by=by)
    return made


def _event(row: Restore, step: Step[RestoreState], kind: str) -> Entry:
    detail = {"restore": str(row.pk), "snapshot": row.snapshot.snapshot_id, "task": row.task_id}
    said = f"{row.asset.label}: {step.said}"
    return Entry(kind, "asset", str(row.asset_id), said, run_id=row.snapshot.run_id, detail=detail)


MOVER = Mover(Restore, RESTORE, each(_event), related=("asset", "snapshot"))


def _moved(row: Restore, to: RestoreState, said: str, **facts: Any) -> bool:
    return bool(MOVER.move([row.pk], to, said=said, fields=facts))


@transaction.atomic
def count_try(row: Restore, *, due_at: datetime) -> None:
    """The attempt is counted before it is tried; the client token makes a second one harmless."""
    if row.state == R.WANTED:
        _moved(row, R.SENDING, "EC2 is asked to replace its root volume")
    Restore.objects.filter(pk=row.pk, state=R.SENDING).update(tries=F("tries") + 1, due_at=due_at)


def running(row: Restore, task_id: str, *, now: datetime) -> None:
    _moved(
        row,
        R.RUNNING,
        f"EC2 replaces its root volume, task {task_id}",
        task_id=task_id,
        due_at=now,
        running_at=now,
    )


def note(rows: Iterable[Restore], progress: str, *, due_at: datetime) -> None:
    """AWS's word for a task under way; the state stays."""
    Restore.objects.filter(pk__in=[row.pk for row in rows]).update(progress=progress, due_at=due_at)


def failed(row: Restore, error: str, *, now: datetime, progress: str = "") -> None:
    facts = {"error": error, "finished_at": now, "progress": progress}
    _moved(row, R.FAILED, f"its root volume was not restored. {error}", **facts)


@transaction.atomic
def done(row: Restore, *, now: datetime) -> None:
    """The asset says that it was restored until the next run judges it anew; LastPatched is not touched (I7)."""
    at = row.snapshot.taken_at or row.snapshot.wanted_at
    said = f"its root volume is again as it was at {at:%Y-%m-%d %H:%M} UTC"
    if _moved(row, R.DONE, said, finished_at=now, progress=RootVolumeState.SUCCEEDED):
        facts = {"restored_at": now, "restored_to": at}
        AssetPatchState.objects.update_or_create(asset_id=row.asset_id, defaults=facts)


def next_try(tries: int) -> timedelta:
    """Between two requests that AWS did not answer."""
    return timedelta(seconds=min(5 * 2 ** min(tries, 6), 120))
