"""The only place that starts and stops hosts: hold row, then Wake tag, then start; the last hold stops."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.conf import settings

from aws.errors import Ambiguous, CloudError, Throttled
from aws.ports import Cloud, Ec2, Instance
from patching.engine.places import for_each
from patching.models import PowerHold, Run
from patching.operations import power, targets
from patching.planner import batches
from patching.states import TARGET_OVER, HoldState, TargetState
from portal.tags.models import InstanceRef
from portal.tags.queries import latest
from portal.tags.states import TagState

Clock = Callable[[], datetime]
START_BATCH = 50
MAX_STARTS = 5
UP = {"running", "pending"}


def wake(run: Run, *, now: datetime) -> None:
    """Holds for stopped hosts; running ones wait for the turn of their wave."""
    planned = list(run.targets.filter(state=TargetState.PLANNED).select_related("asset"))
    power.hold(run, [t for t in planned if t.asset.state in {"stopped", "stopping"}], now=now)
    from_here = [t.pk for t in planned if t.asset.state not in {"stopped", "stopping"}]
    targets.move(from_here, TargetState.WAITING, now=now)


def start(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """Starts what is wanted and bears its Wake tag; a crash in between leaves rows that say how far it came."""

    def start_at(place: tuple[str, str]) -> None:
        for batch in batches(_tagged(run, wanted[place]), START_BATCH):
            power.count_start(batch, now=clock())
            _start_batch(batch, cloud.ec2(*place), clock=clock)

    wanted = _by_place(_holds(run, HoldState.WANTED))
    for_each(wanted, start_at)


def _holds(run: Run, *states: HoldState) -> Iterable[PowerHold]:
    return run.power_holds.filter(state__in=states).select_related("asset__account", "run").order_by("pk")


def _by_place(holds: Iterable[PowerHold]) -> dict[tuple[str, str], list[PowerHold]]:
    places: dict[tuple[str, str], list[PowerHold]] = {}
    for hold in holds:
        places.setdefault((hold.asset.account.account_id, hold.asset.region), []).append(hold)
    return places


def _tagged(run: Run, holds: list[PowerHold]) -> list[PowerHold]:
    refs = [InstanceRef(h.asset.account.account_id, h.asset.region, h.asset.instance_id) for h in holds]
    changes = latest(settings.TAG_KEYS["wake"], refs)
    return [h for h in holds if _verified(changes.get(h.asset.instance_id), str(run.pk))]


def _verified(change: object, value: str) -> bool:
    return getattr(change, "state", "") == TagState.VERIFIED and getattr(change, "value", "") == value


def _start_batch(holds: list[PowerHold], ec2: Ec2, *, clock: Clock) -> None:
    try:
        ec2.start_instances([hold.asset.instance_id for hold in holds])
    except (Throttled, Ambiguous):
        return  # idempotent: `watch` looks what became of it and starts it again if nothing did
    except CloudError as error:
        if len(holds) > 1:
            for hold in holds:
                _start_batch([hold], ec2, clock=clock)
            return
        reason = f"EC2 did not start it: {error}"
        power.failed(holds[0], reason, started=False, launch_time=None, now=clock())


def watch(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """Started hosts go on to their check once Systems Manager sees them, or are given up with a reason."""

    def watch_at(place: tuple[str, str]) -> None:
        seen = _seen(cloud.ec2(*place), starting[place])
        nodes = cloud.ssm(*place).managed_nodes()
        reachable = {node.instance_id for node in nodes if node.ping_status == "Online"}
        for hold in starting[place]:
            _watch_one(hold, seen.get(hold.asset.instance_id), reachable, clock=clock)

    starting = _by_place(_holds(run, HoldState.STARTING))
    for_each(starting, watch_at)


def _seen(ec2: Ec2, holds: list[PowerHold]) -> dict[str, Instance]:
    return {item.instance_id: item for item in ec2.describe([hold.asset.instance_id for hold in holds])}


def _watch_one(hold: PowerHold, seen: Instance | None, reachable: set[str], *, clock: Clock) -> None:
    now = clock()
    if seen and seen.state == "running" and seen.instance_id in reachable:
        power.online(hold, seen.launch_time, now=now)
    elif now >= _give_up_at(hold):
        up = seen is not None and seen.state in UP
        said = "Systems Manager never saw it" if up else f"EC2 says {seen.state if seen else 'it is gone'}"
        launched = seen.launch_time if seen else None
        power.failed(
            hold, f"It was started ahead, but {said} in time.", started=up, launch_time=launched, now=now
        )
    elif seen and seen.state == "stopped" and hold.attempts < MAX_STARTS:
        PowerHold.objects.filter(pk=hold.pk, state=HoldState.STARTING).update(state=HoldState.WANTED)


def _give_up_at(hold: PowerHold) -> datetime:
    wait = timedelta(seconds=hold.run.run_policy.wake_timeout_s)
    return min((hold.started_at or hold.wanted_at) + wait, hold.run.cutoff_at)


def expire_wanted(run: Run, *, now: datetime) -> None:
    """A hold that could not even be tried (its Wake tag was refused, its account is closed) ends too."""
    for hold in _holds(run, HoldState.WANTED):
        if now >= _give_up_at(hold) or run.state == "halting":
            reason = "It is stopped, and it could not be started: its Wake tag was not written in time."
            power.failed(hold, reason, started=hold.attempts > 0, launch_time=None, now=now)


def release(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """Stops what this run started, once its target is over, unless somebody took the host over."""
    over = set(run.targets.filter(state__in=TARGET_OVER).values_list("asset_id", flat=True))
    holds = [h for h in _holds(run, HoldState.HELD, HoldState.STARTING) if h.asset_id in over]
    for hold in holds:
        if not power.releasing(hold):
            power.settle(hold, HoldState.KEPT, reason="Another run still needs it.", now=clock())

    def release_at(place: tuple[str, str]) -> None:
        ec2 = cloud.ec2(*place)
        seen = _seen(ec2, releasing[place])
        for hold in releasing[place]:
            _release_one(hold, seen.get(hold.asset.instance_id), ec2, clock=clock)

    releasing = _by_place(_holds(run, HoldState.RELEASING))
    for_each(releasing, release_at)


def _release_one(hold: PowerHold, seen: Instance | None, ec2: Ec2, *, clock: Clock) -> None:
    if seen is None or seen.state in {"stopped", "stopping", "terminated", "shutting-down"}:
        power.settle(hold, HoldState.RELEASED, reason="It is not running any more.", now=clock())
    elif why := _taken_over(hold, seen):
        power.settle(hold, HoldState.KEPT, reason=why, now=clock())
    else:
        ec2.stop_instances([hold.asset.instance_id])
        power.settle(
            hold,
            HoldState.RELEASED,
            reason="It was stopped before the run, so it is stopped again.",
            now=clock(),
        )


def _taken_over(hold: PowerHold, seen: Instance) -> str:
    if seen.tags.get(settings.TAG_KEYS["wake"]) != str(hold.run_id):
        return "Somebody removed its Wake tag, so it is left running."
    if hold.launch_time and seen.launch_time and seen.launch_time != hold.launch_time:
        return "Somebody stopped and started it since, so it is left running."
    return ""


def waiting(run: Run) -> bool:
    """Whether any host of this run is still to be started, watched or stopped."""
    open_states = [HoldState.WANTED, HoldState.STARTING, HoldState.HELD, HoldState.RELEASING]
    return run.power_holds.filter(state__in=open_states).exists()
