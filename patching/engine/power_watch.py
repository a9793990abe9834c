"""Hosts that are being started: awake, tried again, or given up with EC2's reason."""

from __future__ import annotations

from datetime import datetime, timedelta

from aws.errors import CloudError
from aws.ports import Instance
from aws.power_refusals import START, Lasts, known
from aws.states import GONE, UP, InstanceState, PingStatus
from patching.engine.places import for_each
from patching.engine.power import Holds, again, being_stopped, by_place, holds_in, seen_by_id, told
from patching.engine.scope import Scope
from patching.engine.trouble import record_trouble
from patching.models import PowerHold
from patching.operations import power, stops
from patching.policy.waking import Place
from patching.states import HoldState, TargetState
from portal.inventory.operations import refresh

NO_TAG = "Its Wake tag was not written in time."
# LaunchTime is set by EC2 when it accepts a start; more than this from our own call is somebody else's start.
OWN_START = timedelta(seconds=120)


def watch_hosts(scope: Scope) -> None:
    """Started hosts go on to their check once Systems Manager sees them, or are given up with a reason."""
    if scope.halting:
        return
    starting = by_place(holds_in(scope.run, HoldState.STARTING))
    for_each(starting, lambda place: _watch_at(scope, place, starting[place]))


def _watch_at(scope: Scope, place: Place, holds: Holds) -> None:
    seen = seen_by_id(scope, place, holds)
    nodes = scope.ssm(place).managed_nodes([hold.asset.instance_id for hold in holds])
    reachable = {node.instance_id for node in nodes if node.ping_status == PingStatus.ONLINE}
    now = scope.now()
    awake = [hold for hold in holds if _awake(hold, seen, reachable)]
    power.online(awake, now=now)
    done = {hold.pk for hold in awake}
    for hold in holds:
        if hold.pk not in done:
            _watch_one(hold, seen.get(hold.asset.instance_id), now=now)


def _awake(hold: PowerHold, seen: dict[str, Instance], reachable: set[str]) -> bool:
    """Also notes the launch that our start caused."""
    item = seen.get(hold.asset.instance_id)
    if item is None or item.state not in UP:
        return False
    if hold.launch_time is None:
        power.saw_launch(hold, item.launch_time)
    return item.state == InstanceState.RUNNING and item.instance_id in reachable


def _watch_one(hold: PowerHold, seen: Instance | None, *, now: datetime) -> None:
    """One that is not awake yet: waited for, tried again, or given up."""
    if seen is None or seen.state in GONE:
        power.failed([hold], stops.GONE, started=False, now=now)
    elif now >= give_up_at(hold):
        why = f"EC2 says {seen.state} {seen.state_reason}".rstrip()
        said = "Systems Manager never saw it" if seen.state in UP else why
        power.failed([hold], f"It was started ahead, but {said} in time.", started=True, now=now)
    elif seen.state == InstanceState.STOPPED:
        _stopped_again(hold, seen, now=now)


def _stopped_again(hold: PowerHold, seen: Instance, *, now: datetime) -> None:
    """EC2 accepted the start, and shows it stopped: by somebody, or because the start failed afterwards."""
    refusal = known(seen.state_reason, START) if _tried(hold, seen) else None
    why = f"EC2 says {seen.state_reason}." if seen.state_reason else ""
    if refusal and refusal.lasts != Lasts.PASSING:
        said = f"EC2 began to start it and gave up. {told(why, refusal)}"
        power.failed([hold], said, started=False, now=now)
    elif hold.launch_time and not refusal:
        power.failed(
            [hold],
            f"It was started ahead and then stopped by somebody. {why}".rstrip(),
            started=False,
            now=now,
        )
    else:
        again(
            [hold],
            f"EC2 shows it stopped after its start. {told(why, refusal)}".rstrip(),
            now=now,
            certain=False,
        )


def _tried(hold: PowerHold, seen: Instance) -> bool:
    """Whether what EC2 says is of our own start: a start that never reached EC2 leaves an older reason."""
    return bool(hold.started_at and seen.launch_time and seen.launch_time >= hold.started_at - OWN_START)


def give_up_at(hold: PowerHold) -> datetime:
    """A started host has its time-out; one that EC2 refuses is tried until the lead is over."""
    run, wait = hold.run, timedelta(seconds=hold.run.run_policy.wake_timeout_s)
    if hold.state == HoldState.STARTING:
        return min((hold.started_at or hold.wanted_at) + wait, run.cutoff_at)
    turn = hold.wanted_at if hold.attempts else hold.due_at or hold.wanted_at
    return min(max(turn + wait, run.starts_at), run.cutoff_at)


def expire_starts(scope: Scope) -> None:
    """A hold that could not be carried out (no capacity, its Wake tag was refused, its account is closed) ends too."""
    now = scope.now()
    for hold in holds_in(scope.run, HoldState.WANTED):
        if now >= give_up_at(hold) or scope.halting:
            last = hold.reason or _waited_for(hold)
            reason = f"It is stopped, and it could not be started in time. {last}"
            power.failed([hold], reason, started=hold.started_at is not None, now=now)


def _waited_for(hold: PowerHold) -> str:
    other = being_stopped(hold.run).filter(asset=hold.asset_id).select_related("run").first()
    return stops.waits_for(other.run) if other else NO_TAG


def look_at_sleepers(scope: Scope) -> None:
    """Right before a run plans anew: who is left out for how it sleeps may be awake since the last sync."""
    codes = ["hibernated", "cannot_start"]
    out = scope.run.targets.filter(state=TargetState.SKIPPED, reason_code__in=codes)
    places: dict[Place, list[str]] = {}
    for account_id, region, instance_id in out.values_list("account_id", "region", "instance_id"):
        places.setdefault((account_id, region), []).append(instance_id)

    def look(place: Place) -> None:
        refresh(instances=scope.ec2(place).describe(places[place]), now=scope.now())

    try:
        for_each(places, look)
    except CloudError as error:  # an account that refuses keeps no run from its begin
        record_trouble(scope.run, look_at_sleepers.__name__, f"AWS: {error}")
