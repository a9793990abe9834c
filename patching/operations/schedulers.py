"""Tags by which other tools start and stop hosts (Instance Scheduler, Custodian): held for a run, then restored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from aws.ports import Instance
from patching.models import Run, SchedulerHold, Target
from patching.policy.patience import STOPS
from portal.audit.operations import Entry, record_all
from portal.inventory.models import Asset
from portal.tags.models import InstanceRef
from portal.tags.operations import request_tag
from portal.tags.queries import latest
from portal.tags.states import TagState

# A tag that AWS refused is requested again each hour, for a month.
REMEMBERED, RETRY_AFTER = timedelta(days=30), timedelta(hours=1)


@transaction.atomic
def hold(run: Run, targets: Iterable[Target], *, now: datetime) -> None:
    """Remembers what the tags say and requests what keeps the host running; rows first, so a crash loses nothing."""
    assets = {row.asset_id: row.asset for row in targets if scheduled(row.asset)}
    if not assets:
        return
    # In one order with every other run, so that two runs of one host see each other's rows.
    list(Asset.objects.select_for_update(of=("self",)).filter(pk__in=assets).order_by("pk").values_list("pk"))
    rows = [row for pk in sorted(assets) for row in _rows(run, assets[pk], now)]
    made = SchedulerHold.objects.bulk_create(rows, ignore_conflicts=True)
    for row in made:
        _request_tag(row, row.override, f"{run.name} keeps it running", now)
    record_all(
        (_entry(row, "scheduler.held", f"set aside for the run; it said {row.value!r}") for row in made),
        by=None,
    )


def scheduled(asset: Asset) -> bool:
    """Whether another tool starts and stops it by a tag."""
    return any(key in asset.tags for key in settings.SCHEDULER_TAGS)


def _rows(run: Run, asset: Asset, now: datetime) -> Iterable[SchedulerHold]:
    """One per tag. What an earlier run still holds is remembered as that run found it."""
    open_rows = SchedulerHold.objects.filter(asset=asset, released_at=None).order_by("pk")
    first = {row.key: row for row in reversed(open_rows)}
    for key, override in settings.SCHEDULER_TAGS.items():
        if key in first:
            yield SchedulerHold(
                run=run, asset=asset, key=key, value=first[key].value, override=override, held_at=now
            )
        elif key in asset.tags and asset.tags[key] != override:
            value = asset.tags[key]
            yield SchedulerHold(run=run, asset=asset, key=key, value=value, override=override, held_at=now)


def _request_tag(row: SchedulerHold, value: str | None, reason: str, now: datetime) -> None:
    place = InstanceRef(row.asset.account.account_id, row.asset.region, row.asset.instance_id)
    request_tag(
        instances=[place], key=row.key, value=value, reason=reason, run_id=row.run_id, by=None, now=now
    )


def _entry(row: SchedulerHold, kind: str, said: str) -> Entry:
    summary = f"{row.asset.label}: its tag {row.key} {said}"
    detail = {"key": row.key, "value": row.value, "override": row.override}
    return Entry(kind, "asset", str(row.asset_id), summary, run_id=row.run_id, detail=detail)


def due(run: Run, over: QuerySet[Target, Any], *, now: datetime) -> Iterable[SchedulerHold]:
    """Of hosts whose target is over: those whose tags are to be given back by now."""
    held = run.scheduler_holds.filter(Q(due_at=None) | Q(due_at__lte=now), released_at=None, asset__in=over)
    return held.select_related("asset__account", "run").order_by("pk")


def count_try(holds: Iterable[SchedulerHold], *, now: datetime) -> list[SchedulerHold]:
    """The try is counted, and the time of the next one set, before AWS is asked."""
    rows = list(holds)
    for row in rows:
        row.attempts += 1
        row.due_at = now + STOPS.wait(row.attempts)
    SchedulerHold.objects.bulk_update(rows, ["attempts", "due_at"])
    return rows


@transaction.atomic
def unread(holds: Iterable[SchedulerHold], why: str, *, now: datetime) -> None:
    """AWS does not show what the tags say: after the last try the old value is requested all the same."""
    ended = [row for row in holds if STOPS.over(row.attempts)]  # also after workers that died at it
    entries = []
    for row in ended:
        said = "could not be read, so its old value is requested whatever it says"
        if not _needed_by_others(row):
            _request_tag(row, row.value, "The run is over for it", now)
        if SchedulerHold.objects.filter(pk=row.pk, released_at=None).update(released_at=now, reason=said):
            entries.append(_entry(row, "scheduler.released", f"{said}. {why}"))
    record_all(entries, by=None)


@transaction.atomic
def restore_tags(holds: Iterable[SchedulerHold], seen: Mapping[str, Instance], *, now: datetime) -> None:
    """The last run that holds a tag requests its old value; what AWS shows otherwise was set by somebody else."""
    asked = list(holds)
    ids = {row.asset_id for row in asked}
    list(Asset.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk").values_list("pk"))
    entries = []
    for row in asked:
        said = _end(row, seen.get(row.asset.instance_id), now)
        if SchedulerHold.objects.filter(pk=row.pk, released_at=None).update(released_at=now, reason=said):
            entries.append(_entry(row, "scheduler.released", said))
    record_all(entries, by=None)


def _end(row: SchedulerHold, item: Instance | None, now: datetime) -> str:
    if _needed_by_others(row):
        return "stays set aside: another run still needs it"
    if item is None:
        return "went with its instance"
    if item.tags.get(row.key) not in {row.override, row.value}:
        return f"was changed by somebody meanwhile and stays {item.tags.get(row.key)!r}"
    _request_tag(row, row.value, "The run is over for it", now)
    return f"says {row.value!r} again"


def _needed_by_others(row: SchedulerHold) -> bool:
    others = SchedulerHold.objects.filter(asset=row.asset_id, key=row.key, released_at=None)
    return others.exclude(pk=row.pk).exists()


@transaction.atomic
def remind(*, now: datetime) -> int:
    """Requests the old value again where AWS refused it for good; returns how often. A changed tag stays as it is."""
    recent = SchedulerHold.objects.filter(released_at__gt=now - REMEMBERED).select_related("asset__account")
    requested = 0
    for key in recent.order_by().values_list("key", flat=True).distinct():
        rows = {row.asset.instance_id: row for row in recent.filter(key=key).order_by("pk")}
        refs = [
            InstanceRef(r.asset.account.account_id, r.asset.region, r.asset.instance_id)
            for r in rows.values()
        ]
        for instance_id, change in latest(key, refs).items():
            late = (
                change.state == TagState.FAILED
                and change.finished_at
                and change.finished_at < now - RETRY_AFTER
            )
            if late and change.value == rows[instance_id].value and not rows[instance_id].asset.gone_at:
                _request_tag(rows[instance_id], change.value, "It could not be restored before", now)
                requested += 1
    return requested
