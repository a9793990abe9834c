"""How long hosts take to wake, learned from their last starts, and how early a run must therefore begin."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from aws.states import ASLEEP
from patching.models import PowerHold, Run
from patching.models import Window as PatchWindow
from patching.policy import waking
from patching.policy.run_policy import RunPolicy
from patching.queries.candidates import enrolled
from patching.queries.runs import Plan
from patching.states import TargetState
from portal.inventory.models import Asset


def learned(asset_ids: Iterable[int]) -> dict[int, float]:
    """asset pk → seconds from its start until Systems Manager saw it; only those that a run has started before."""
    starts = PowerHold.objects.filter(
        asset__in=list(asset_ids), online_at__isnull=False, started_at__isnull=False
    )
    latest = starts.annotate(
        place=Window(RowNumber(), partition_by=[F("asset_id")], order_by=F("pk").desc())
    ).filter(place__lte=waking.LEARNED_FROM)
    seconds: dict[int, list[float]] = defaultdict(list)
    for asset_id, started_at, online_at in latest.values_list("asset_id", "started_at", "online_at"):
        if started_at and online_at:
            seconds[asset_id].append((online_at - started_at).total_seconds())
    return {asset_id: waking.usual(found) for asset_id, found in seconds.items()}


def wakes_of(asset_ids: Iterable[int], policy: RunPolicy) -> dict[int, float]:
    """The learned time, or `wake_s` for a host that was never started; never more than is waited for it."""
    ids = list(asset_ids)
    known = learned(ids)
    return {pk: min(known.get(pk, policy.wake_s), policy.wake_timeout_s) for pk in ids}


def lead_for(stopped: Iterable[Asset], policy: RunPolicy, seed: str = "") -> timedelta:
    """How long before its start a run of these stopped hosts begins."""
    by_place: dict[tuple[int, str], list[int]] = defaultdict(list)
    for asset in stopped:
        by_place[asset.account_id, asset.region].append(asset.pk)
    wakes = wakes_of([pk for ids in by_place.values() for pk in ids], policy) if by_place else {}
    places: list[Mapping[int, float]] = [{pk: wakes[pk] for pk in ids} for ids in by_place.values()]
    seconds = waking.lead(places, lead_s=policy.lead_s, wake_s=policy.wake_s, seed=seed)
    return timedelta(seconds=seconds)


def wakes_at(run: Run) -> datetime:
    """When a planned run begins: early enough for every host that is stopped now."""
    planned = run.targets.filter(state=TargetState.PLANNED, asset__state__in=ASLEEP)
    stopped = Asset.objects.filter(pk__in=planned.values("asset")).only("pk", "account_id", "region")
    return run.starts_at - lead_for(stopped, run.run_policy, seed=str(run.pk))


@dataclass(frozen=True)
class Waking:
    """When the stopped hosts of a planned start are started: the first and, where it takes long, the last."""

    begins_at: datetime
    last_at: datetime | None


LONG = timedelta(seconds=60)


def waking_of(window: PatchWindow, made: Plan) -> Waking | None:
    """None when no server of the plan is stopped. Notes on each such server how long it usually takes."""
    stopped = [host.asset for host in made.included if host.stopped]
    if not stopped:
        return None
    policy, known = window.run_policy, learned([asset.pk for asset in stopped])
    for asset in stopped:
        asset.wakes_in = known.get(asset.pk)  # type: ignore[attr-defined]
    # the run begins for those of other owners too
    everybody = list(enrolled(window).filter(state__in=ASLEEP))
    begins_at = made.starts_at - lead_for(everybody, policy)
    busiest = Counter((asset.account_id, asset.region) for asset in everybody).most_common(1)[0][1]
    last_at = begins_at + timedelta(seconds=waking.begins((busiest - 1) // waking.BATCH))
    return Waking(begins_at, last_at if last_at - begins_at > LONG else None)
