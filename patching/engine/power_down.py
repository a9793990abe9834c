"""Ends a run's power holds: hosts that it started are stopped, other schedulers' tags say what they said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from aws.errors import Missing, Refused
from aws.ports import Instance
from aws.states import ASLEEP, GONE
from patching.engine.places import for_each
from patching.engine.power import Holds, by_place, seen_by_id
from patching.engine.scope import Scope
from patching.models import PowerHold, SchedulerHold, Target
from patching.operations import power, schedulers
from patching.planner import batches
from patching.policy.waking import BATCH, Place
from patching.states import TARGET_OVER, HoldState
from portal.inventory.operations import note_stopping, refresh

Over = QuerySet[Target, Any]  # asks for the assets whose target is over
# LaunchTime is set by EC2 when it accepts a start; more than this from our own call is somebody else's start.
OWN_START = timedelta(seconds=120)
AGAIN = "It was stopped before the run, so it is stopped again."


def power_down(scope: Scope) -> None:
    """Once its target is over: stopped again, unless somebody took the host over; then its scheduler has it back."""
    run = scope.run
    over = run.targets.filter(state__in=TARGET_OVER).order_by().values("asset")
    held = run.power_holds.filter(state__in=[HoldState.STARTING, HoldState.HELD], asset__in=over)
    power.releasing(held.select_related("asset__account", "run"), now=scope.now())
    rows = run.power_holds.filter(state=HoldState.RELEASING).select_related("asset__account", "run")
    places = by_place(rows.order_by("pk"))
    try:
        for_each(places, lambda place: _stop_at(scope, place, places[place]))
    finally:  # an account that refuses stops keeps no tag either
        restore_tags(scope, over)


def _stop_at(scope: Scope, place: Place, holds: Holds) -> None:
    seen = seen_by_id(scope, place, holds)
    going: Holds = []
    for hold in holds:
        item = seen.get(hold.asset.instance_id)
        if item is None or item.state in GONE | ASLEEP:
            refresh(instances=[item] if item else [], now=scope.now())  # e.g. the answer of our stop was lost
            power.settle([hold], HoldState.RELEASED, reason="It is not running any more.", now=scope.now())
        elif why := taken_over(hold, item):
            power.settle([hold], HoldState.KEPT, reason=why, now=scope.now())
        else:
            going.append(hold)
    for_each(batches(going, BATCH), lambda batch: _stop(scope, place, batch))


def taken_over(hold: PowerHold, seen: Instance) -> str:
    """Why the host is somebody else's by now; empty when it is still ours to stop."""
    # Of runs that share a host, the last to begin has written its own id over the others'.
    runs = PowerHold.objects.filter(asset=hold.asset_id).values_list("run_id", flat=True)
    if seen.tags.get(settings.TAG_KEYS["wake"]) not in {str(run_id) for run_id in runs}:
        return "Somebody removed its Wake tag, so it is left running."
    if not seen.launch_time:
        return ""
    if hold.launch_time:
        other = seen.launch_time != hold.launch_time
    else:
        other = hold.started_at is None or abs(seen.launch_time - hold.started_at) > OWN_START
    return "Somebody stopped and started it since, so it is left running." if other else ""


def _stop(scope: Scope, place: Place, holds: Holds) -> None:
    """A refused batch is stopped host by host, so that one bad host keeps no other running."""
    scope.now()  # raises LeaseLost after a stall: what was seen of the hosts before it may no longer hold
    try:
        scope.ec2(place).stop_instances([hold.asset.instance_id for hold in holds])
    except Missing:
        if len(holds) == 1:
            power.settle(holds, HoldState.RELEASED, reason="The instance no longer exists.", now=scope.now())
            return
        for_each(holds, lambda hold: _stop(scope, place, [hold]))
    except Refused:
        if len(holds) == 1:
            # e.g. still pending: the next reconcile tries again, and the run's log tells AWS's sentence
            raise
        for_each(holds, lambda hold: _stop(scope, place, [hold]))
    else:
        note_stopping(hold.asset_id for hold in holds)
        power.settle(holds, HoldState.RELEASED, reason=AGAIN, now=scope.now())


def restore_tags(scope: Scope, over: Over) -> None:
    """The tags of other schedulers, as they were; one that somebody changed meanwhile stays as it is."""

    def restore_at(place: Place) -> None:
        rows = places[place]
        listed = scope.ec2(place).describe(sorted({row.asset.instance_id for row in rows}))
        schedulers.restore_tags(rows, {item.instance_id: item for item in listed}, now=scope.now())

    places: dict[Place, list[SchedulerHold]] = {}
    held = scope.run.scheduler_holds.filter(released_at=None, asset__in=over)
    for row in held.select_related("asset__account", "run"):
        places.setdefault((row.asset.account.account_id, row.asset.region), []).append(row)
    for_each(places, restore_at)
