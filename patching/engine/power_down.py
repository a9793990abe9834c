"""Ends a run's power holds: hosts that it started are stopped, other schedulers' tags say what they said.

Each try is counted before it is made and sets the time of the next, so that nothing is asked for ever (I14).
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from aws.errors import AccessRefused, CloudError, Refused
from aws.ports import Instance
from aws.power_refusals import STOP
from aws.states import ASLEEP, GONE
from patching.engine.places import for_each
from patching.engine.power import NOT_THIS_ONE, Holds, by_place, seen_by_id
from patching.engine.power_watch import OWN_START
from patching.engine.scope import Scope
from patching.models import PowerHold, SchedulerHold, Target
from patching.operations import schedulers, stops
from patching.planner import batches
from patching.policy.waking import BATCH, Place
from patching.states import TARGET_OVER, HoldState
from portal.inventory.operations import note_stopping, refresh

Over = QuerySet[Target, Any]  # asks for the assets whose target is over
Refusals = dict[PowerHold, CloudError]
AGAIN = "It was stopped before the run, so it is stopped again."
HIBERNATES = "It was hibernated before the run, so it is hibernated again."


def power_down(scope: Scope) -> None:
    """Once its target is over: stopped again, unless somebody took the host over; then its scheduler has it back."""
    run = scope.run
    over = run.targets.filter(state__in=TARGET_OVER).order_by().values("asset")
    held = run.power_holds.filter(state__in=[HoldState.STARTING, HoldState.HELD], asset__in=over)
    stops.releasing(held.select_related("asset__account", "run"), now=scope.now())
    places = by_place(stops.due(run, now=scope.now()))
    try:
        for_each(places, lambda place: _stop_at(scope, place, places[place]))
    finally:  # an account that refuses stops keeps no tag either
        restore_tags(scope, over)
    _tell_what_waits(scope)


def _tell_what_waits(scope: Scope) -> None:
    """Between two tries too: only a second refusal hinders the run, the first may pass by itself. Raises CloudError."""
    refused = scope.run.power_holds.filter(state=HoldState.RELEASING).exclude(reason="")
    if row := refused.order_by("-stop_attempts", "pk").first():
        raise (Refused if row.stop_attempts > 1 else CloudError)(row.reason, operation=STOP)


def _stop_at(scope: Scope, place: Place, holds: Holds) -> None:
    """One try for those that are due; what AWS refuses is settled for each of them."""
    tried = stops.count_try(holds, now=scope.now())
    refused: Refusals = {}
    try:
        going = _still_ours(scope, place, tried)
    except CloudError as error:
        refused = dict.fromkeys(tried, error)
    else:
        for how in (True, False):
            for batch in batches([hold for hold in going if hold.hibernated == how], BATCH):
                refused |= _stop(scope, place, batch)
    stops.refused(refused, now=scope.now())


def _still_ours(scope: Scope, place: Place, holds: Holds) -> Holds:
    """Those that run and are ours to stop; the others are settled as EC2 shows them."""
    seen = seen_by_id(scope, place, holds)
    refresh(instances=seen.values(), now=scope.now())  # the next run plans with what is true
    going: Holds = []
    for hold in holds:
        item = seen.get(hold.asset.instance_id)
        if item is None or item.state in GONE | ASLEEP:
            stops.settle([hold], HoldState.RELEASED, reason="It is not running any more.", now=scope.now())
        elif why := taken_over(hold, item):
            stops.settle([hold], HoldState.KEPT, reason=why, now=scope.now())
        else:
            going.append(hold)
    return going


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


def _stop(scope: Scope, place: Place, holds: Holds) -> Refusals:
    """Stops or hibernates them, all or none; one bad host keeps no other running. Returns what was refused, and why."""
    scope.now()  # raises LeaseLost after a stall: what was seen of the hosts before it may no longer hold
    hibernate = holds[0].hibernated
    try:
        scope.ec2(place).stop_instances([hold.asset.instance_id for hold in holds], hibernate=hibernate)
    except CloudError as error:
        if len(holds) == 1 or not _of_one_host(error):
            return dict.fromkeys(holds, error)
        return {key: why for hold in holds for key, why in _stop(scope, place, [hold]).items()}
    note_stopping((hold.asset_id for hold in holds), hibernated=hibernate)
    reason = HIBERNATES if hibernate else AGAIN
    stops.settle(holds, HoldState.RELEASED, reason=reason, now=scope.now())
    return {}


def _of_one_host(error: CloudError) -> bool:
    """Whether the others of the call may do better without the host that EC2 means."""
    plain = isinstance(error, Refused) and not isinstance(error, AccessRefused)
    return plain or error.code == NOT_THIS_ONE


def restore_tags(scope: Scope, over: Over) -> None:
    """The tags of other schedulers, as they were; one that somebody changed meanwhile stays as it is."""

    def restore_at(place: Place) -> None:
        rows = schedulers.count_try(places[place], now=scope.now())
        try:
            listed = scope.ec2(place).describe(sorted({row.asset.instance_id for row in rows}))
        except CloudError as error:
            schedulers.unread(rows, str(error), now=scope.now())
            raise
        schedulers.restore_tags(rows, {item.instance_id: item for item in listed}, now=scope.now())

    places: dict[Place, list[SchedulerHold]] = {}
    for row in schedulers.due(scope.run, over, now=scope.now()):
        places.setdefault((row.asset.account.account_id, row.asset.region), []).append(row)
    for_each(places, restore_at)
