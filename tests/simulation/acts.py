"""What people and other programs do between two looks: each may be refused by the rules, which is no violation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aws.ports import TargetGroupHealth
from exceptions.models import ExceptionRequest
from exceptions.operations import approve, revoke, submit
from patching.operations import control, pause, power, windows
from patching.window_facts import WindowFacts
from portal.access.rules import Conflict, Denied, Invalid
from tests import cast, fakes
from tests.simulation import variety
from tests.simulation.faults import Outage

if TYPE_CHECKING:
    from tests.simulation.world import World

WHY = "A drill."
WELL, ILL = TargetGroupHealth(healthy=2, total=2), TargetGroupHealth(healthy=1, total=2)
OPERATIONS = ("SendCommand", "ListCommands", "ListCommandInvocations", "CreateTags", "DeleteTags", "StopInstances",
              "DescribeInstances", "GetObject", "PutObject", "ListObjectsV2")  # fmt: skip


@dataclass
class Exempt:
    """One host that is exempt from `since` to `until`; None: nobody has revoked it."""

    instance_id: str
    request: ExceptionRequest
    since: datetime
    until: datetime | None = None

    def holds(self, instance_id: str, at: datetime) -> bool:
        return self.instance_id == instance_id and self.since <= at and (not self.until or at < self.until)


def stop_a_host(world: World) -> None:
    _change(world, "stopped")


def terminate_a_host(world: World) -> None:
    _change(world, "terminated")


def _change(world: World, state: str) -> None:
    host = world.random.choice(list(world.stage.cloud.hosts.values()))
    world.touched.add(host.instance.instance_id)
    host.instance = replace(host.instance, state=state)
    world.tell(f"somebody makes {host.instance.instance_id} {state}")


def take_a_host_offline(world: World) -> None:
    host = world.random.choice(list(world.stage.cloud.hosts.values()))
    host.online = not host.online
    world.tell(f"{host.instance.instance_id} is {'online' if host.online else 'offline'} from now on")


def stop_beat(world: World) -> None:
    world.stage.clock.forward(3600)
    world.tell("beat was down for an hour")


def pause_or_resume(world: World) -> None:
    now = world.stage.clock()
    if world.paused_at is None:
        pause.pause(by=cast.ada(), reason=WHY, now=now)
        world.paused_at = now
    else:
        pause.resume(by=cast.ada(), now=now)
        world.paused_at = None
    world.tell("an admin " + ("resumes all sending" if world.paused_at is None else "pauses all sending"))


def end_what_waits(world: World) -> None:
    """Late in a seed: people resume what they paused, alarms are over."""
    if world.paused_at:
        pause_or_resume(world)
    world.stage.cloud.alarm_states["too-many-errors"] = "OK"
    world.stage.cloud.target_groups_here["shop"] = WELL


def ring_or_silence(world: World) -> None:
    states = world.stage.cloud.alarm_states
    states["too-many-errors"] = "OK" if states["too-many-errors"] == "ALARM" else "ALARM"
    world.tell(f"the CloudWatch alarm says {states['too-many-errors']}")


def sicken_or_heal(world: World) -> None:
    groups = world.stage.cloud.target_groups_here
    groups["shop"] = ILL if groups["shop"] == WELL else WELL
    world.tell(f"{groups['shop'].healthy} of {groups['shop'].total} targets of the load balancer are healthy")


def begin_outage(world: World) -> None:
    """Minutes in which one operation is throttled, or one account refuses everything."""
    until = world.stage.clock() + timedelta(seconds=world.random.choice([30, 120, 600]))
    operation = world.random.choice(["", *OPERATIONS])
    account = "" if operation else world.random.choice([fakes.ACCOUNT, variety.OTHER])
    world.outages.append(Outage(until, account_id=account, operation=operation))
    world.tell(f"until {until:%H:%M:%S} {operation or account} is out of order")


def keep_running(world: World) -> None:
    asset = world.random.choice(list(world.stage.run.targets.order_by("pk"))).asset
    power.keep_running(asset=asset, by=cast.ada(), reason=WHY, now=world.stage.clock())
    world.tell(f"an admin keeps {asset.instance_id} running")


def edit_the_window(world: World) -> None:
    """Changes later runs only: this one keeps its times."""
    facts = replace(
        WindowFacts.of(world.stage.window),
        duration_minutes=world.random.choice([60, 300]),
        cutoff_minutes=10,
    )
    windows.edit(window=world.stage.window, facts=facts, by=cast.ada(), now=world.stage.clock())
    world.tell("an admin edits the window")


def retry(world: World) -> None:
    if world.stage.run.state in control.ACTIVE:
        control.retry(run=world.stage.run, by=cast.ada(), reason=WHY, now=world.stage.clock())
        world.tell("an admin retries what failed")


def skip(world: World) -> None:
    target = world.random.choice(list(world.stage.run.targets.order_by("pk")))
    control.skip(target=target, by=cast.ada(), reason=WHY, now=world.stage.clock())
    world.tell(f"an admin leaves out {target.instance_id}")


def extend(world: World) -> None:
    minutes = world.random.randint(1, 20)
    control.extend(run=world.stage.run, minutes=minutes, by=cast.ada(), reason=WHY, now=world.stage.clock())
    world.tell(f"an admin moves the cutoff {minutes} minutes")


def except_a_host(world: World) -> None:
    """An exception asked for and approved in the middle of the run."""
    now = world.stage.clock()
    asset = world.random.choice(list(world.stage.run.targets.order_by("pk"))).asset
    cast.bo()
    request = submit(
        assets=[asset], from_date=now.date(), to_date=now.date() + timedelta(days=3), time_zone="UTC",
        category="audit", reason="The auditors are here this week.", by=cast.ana(), now=now,
    )  # fmt: skip
    approve(request=request, by=cast.bo(), now=now)
    world.exempt.append(Exempt(asset.instance_id, request, now))
    world.tell(f"an exception of {asset.instance_id} is approved")


def revoke_an_exception(world: World) -> None:
    for case in [item for item in world.exempt if item.until is None][:1]:
        now = world.stage.clock()
        revoke(request=case.request, by=cast.bo(), reason="The auditors have left.", now=now)
        case.until = now
        world.tell(f"the exception of {case.instance_id} is revoked")


ACTS = (stop_a_host, terminate_a_host, take_a_host_offline, stop_beat, pause_or_resume, retry, skip, extend,
        except_a_host, except_a_host, revoke_an_exception, ring_or_silence, sicken_or_heal, keep_running,
        edit_the_window)  # fmt: skip


def act(world: World) -> None:
    """One act by the seed's choice; what the rules refuse is told and leaves no trace."""
    chosen = world.random.choice(ACTS)
    world.injected[f"act_{chosen.__name__}"] += 1
    try:
        chosen(world)
    except (Denied, Conflict, Invalid) as error:
        world.tell(f"{chosen.__name__.replace('_', ' ')} is refused: {error}")
