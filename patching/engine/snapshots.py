"""Root volumes are snapshotted before the patch command, and the snapshots are followed until they are deleted.

EC2 holds a snapshot to be the volume at the moment of CreateSnapshot, also while its copy is still pending; so the
patch command goes out as soon as AWS has accepted it, and only a restore waits for the copy (docs/adr/0030).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from aws.errors import AccessRefused, Ambiguous, CloudError, Missing, Refused, Throttled
from aws.ports import Ec2, VolumeSnapshot
from aws.states import SnapshotState as AwsState
from patching.engine.places import for_each
from patching.engine.scope import Context, Scope
from patching.models import Restore, RootSnapshot, Run, Target
from patching.operations import snapshots
from patching.policy.patience import COPIES, DELETIONS, SNAPSHOTS
from patching.policy.waking import Place
from patching.states import RESTORE_OVER, SNAPSHOT_USABLE, SnapshotState

Rows = list[RootSnapshot]
S = SnapshotState
MOST_TRIES = 10
INSTANCE_STORE = "Its root volume is an instance store, of which EC2 makes no snapshot."
# CreateSnapshot's bucket holds 100 and refills at 5 a second; one reconcile must not hold up the rest of the run.
MOST_CALLS = 100
AT_ONCE = 1000


def required(run: Run) -> bool:
    return run.run_policy.snapshot == "root" and not run.check_only


def take_snapshots(scope: Scope, targets: Iterable[Target]) -> None:
    """Asks for the snapshots that these targets still lack; safe to repeat at any moment."""
    run, chosen = scope.run, list(targets)
    snapshots.request(run, chosen, now=scope.now())
    open_states = [S.WANTED, S.CREATING, S.UNKNOWN]
    rows = RootSnapshot.objects.filter(run=run, target__in=chosen, state__in=open_states)
    due = rows.filter(due_at__lte=scope.now()).select_related("asset", "run")
    places = by_place(due.order_by("target_id"))
    for_each(places, lambda place: _take_at(scope, scope.ec2(place), places[place]))


def ready(run: Run, ids: Iterable[int]) -> list[int]:
    """Those of the targets that may be patched: AWS has accepted their snapshot, and nobody is restoring them."""
    asked = list(ids)
    restored = Restore.objects.exclude(state__in=RESTORE_OVER).values("asset")
    rows = Target.objects.filter(pk__in=asked).exclude(asset__in=restored)
    if required(run):
        rows = rows.filter(snapshot__state__in=SNAPSHOT_USABLE)
    fit = set(rows.values_list("pk", flat=True))
    return [pk for pk in asked if pk in fit]


def by_place(rows: Iterable[RootSnapshot]) -> dict[Place, Rows]:
    places: dict[Place, Rows] = defaultdict(list)
    for row in rows:
        places[row.account_id, row.region].append(row)
    return places


def _take_at(scope: Scope, ec2: Ec2, rows: Rows) -> None:
    _adopt(scope, ec2, [row for row in rows if row.state != S.WANTED])
    waiting = [row for row in rows if row.state == S.WANTED][:MOST_CALLS]
    volumes = {item.instance_id: item for item in ec2.describe([row.instance_id for row in waiting])}
    for row in waiting:
        item = volumes.get(row.instance_id)
        if item is None:
            snapshots.failed([row], "The instance no longer exists.", now=scope.now())
        elif not item.root_volume_id:
            snapshots.failed([row], INSTANCE_STORE, now=scope.now())
        elif not _create(scope, ec2, row, item.root_volume_id):
            return  # throttled: the rest waits for the next reconcile


def _create(scope: Scope, ec2: Ec2, row: RootSnapshot, volume_id: str) -> bool:
    """One CreateSnapshot. False when AWS wants fewer calls."""
    if not snapshots.count_try(row, volume_id, now=scope.now()):
        return True
    try:
        seen = ec2.create_snapshot(
            volume_id, description=f"{row.asset.label} before {row.run.name}", tags=tags_of(row)
        )
    except Throttled as error:
        snapshots.again(row, str(error), due_at=scope.now() + SNAPSHOTS.wait(row.tries + 1))
        return False
    except AccessRefused as error:
        snapshots.failed([row], str(error), now=scope.now())
    except Ambiguous as error:
        snapshots.unknown(row, str(error), now=scope.now())
    except Refused as error:
        snapshots.failed([row], f"EC2 refused it: {error}", now=scope.now())
    else:
        snapshots.taken(row, seen, now=scope.now())
    return True


def tags_of(row: RootSnapshot) -> dict[str, str]:
    """What tells people and the clean-up whose snapshot it is and how long it stays."""
    return {
        "Name": f"{row.asset.label} before {row.run.name}"[:256],
        settings.TAG_KEYS["snapshot"]: str(row.pk),
        "PatchPortal:Run": str(row.run_id),
        "PatchPortal:Instance": row.instance_id,
        "PatchPortal:Expires": row.expires_at.strftime("%Y-%m-%dT%H:%MZ"),
    }


def _adopt(scope: Scope, ec2: Ec2, rows: Rows) -> None:
    """Snapshots whose answer never came, found again by their tag; after the settle time they are asked for anew."""
    if not rows:
        return
    key = settings.TAG_KEYS["snapshot"]
    found = snapshots.by_tag(ec2.snapshots(key, [str(row.pk) for row in rows]), key)
    for row in rows:
        since = row.unknown_since or row.due_at  # a worker that died while sending left only due_at
        if mine := [item for item in found.get(str(row.pk), ()) if item.state != AwsState.ERROR]:
            snapshots.taken(row, mine[0], now=scope.now())
        elif scope.now() < since + timedelta(seconds=row.run.run_policy.settle_s):
            continue
        elif row.tries >= MOST_TRIES:
            snapshots.failed([row], f"EC2 gave no answer {row.tries} times.", now=scope.now())
        else:
            snapshots.again(row, "The first request never reached AWS.", due_at=scope.now())


def reconcile_snapshots(context: Context) -> None:
    """Follows copies that are under way and deletes what is past its time; one broken account stops no other."""
    try:
        _follow(context)
    finally:
        _expire(context)


def _follow(context: Context) -> None:
    rows = RootSnapshot.objects.filter(state=S.TAKEN, due_at__lte=context.now()).select_related("asset")
    places = by_place(rows.order_by("due_at", "target_id")[:AT_ONCE])
    for_each(places, lambda place: _follow_at(context, place, places[place]))


def _follow_at(context: Context, place: Place, rows: Rows) -> None:
    """The next look is set before AWS is asked; each comes later than the last, until they expire."""
    now = context.now()
    for row in rows:
        wait = COPIES.wait(row.taken_at or row.wanted_at, now)
        snapshots.postpone([row], row.reason, due_at=now + wait)
    _look_at(context.ec2(place), rows, now=now)


def _look_at(ec2: Ec2, rows: Rows, *, now: datetime) -> None:
    key = settings.TAG_KEYS["snapshot"]
    found = snapshots.by_tag(ec2.snapshots(key, [str(row.pk) for row in rows]), key)
    seen = {item.snapshot_id: item for items in found.values() for item in items}
    done = [row for row in rows if (item := seen.get(row.snapshot_id)) and item.state == AwsState.COMPLETED]
    snapshots.completed(done, now=now)
    broken = [row for row in rows if (item := seen.get(row.snapshot_id)) and item.state == AwsState.ERROR]
    for row in broken:
        why = seen[row.snapshot_id].message or "no reason given"
        snapshots.failed([row], f"EC2 could not copy it: {why}", now=now)


def _expire(context: Context) -> None:
    now = context.now()
    used = Restore.objects.exclude(state__in=RESTORE_OVER).values("snapshot")
    past = Q(state__in=[S.WANTED, S.TAKEN, S.COMPLETED, S.FAILED], expires_at__lte=now)
    begun = Q(state=S.DELETING, due_at__lte=now)
    rows = RootSnapshot.objects.filter(past | begun).exclude(pk__in=used).select_related("asset")
    places = by_place(rows.order_by("due_at", "target_id")[:AT_ONCE])
    for_each(places, lambda place: _delete_at(context, place, places[place]))


def _delete_at(context: Context, place: Place, rows: Rows) -> None:
    """One try each. Who was refused is tried ever more seldom, and left in the account after a month."""
    now = context.now()
    claimed = snapshots.deleting([row for row in rows if row.state != S.DELETING], now=now)
    mine = [*claimed, *(row for row in rows if row.state == S.DELETING)]
    for row in mine:
        snapshots.postpone([row], row.reason, due_at=now + DELETIONS.wait(row.expires_at, now))
    refused: dict[RootSnapshot, CloudError] = {}
    try:
        refused = _delete_all(context, context.ec2(place), mine)
    except CloudError as error:
        refused = dict.fromkeys(mine, error)
        raise
    finally:
        snapshots.refused(refused, now=now)


def _delete_all(context: Context, ec2: Ec2, mine: Rows) -> dict[RootSnapshot, CloudError]:
    """Only what our row and AWS's tags both call ours: the row's id, on a snapshot of the row's volume.

    Returns those that AWS refused to delete.
    """
    refused: dict[RootSnapshot, CloudError] = {}
    key = settings.TAG_KEYS["snapshot"]
    found = snapshots.by_tag(ec2.snapshots(key, [str(row.pk) for row in mine]), key)
    for row in mine:
        own = [item for item in found.get(str(row.pk), ()) if item.volume_id == row.volume_id]
        try:
            _delete(ec2, own)
        except CloudError as error:  # e.g. somebody made an image of it
            refused[row] = error
        else:
            snapshots.deleted([row], now=context.now())
    return refused


def _delete(ec2: Ec2, items: Iterable[VolumeSnapshot]) -> None:
    for item in items:
        with suppress(Missing):
            ec2.delete_snapshot(item.snapshot_id)
