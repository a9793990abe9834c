"""What people and other programs do between two looks: each may be refused by the rules, which is no violation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from exceptions.operations import approve, submit
from patching.operations import control, pause
from portal.access.rules import Conflict, Denied, Invalid
from tests import cast

if TYPE_CHECKING:
    from tests.simulation.world import World

WHY = "A drill."


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
    world.exempt_since.setdefault(asset.instance_id, now)
    world.tell(f"an exception of {asset.instance_id} is approved")


ACTS = (stop_a_host, terminate_a_host, take_a_host_offline, stop_beat, pause_or_resume, retry, skip, extend,
        except_a_host, except_a_host)  # fmt: skip


def act(world: World) -> None:
    """One act by the seed's choice; what the rules refuse is told and leaves no trace."""
    chosen = world.random.choice(ACTS)
    world.injected[f"act_{chosen.__name__}"] += 1
    try:
        chosen(world)
    except (Denied, Conflict, Invalid) as error:
        world.tell(f"{chosen.__name__.replace('_', ' ')} is refused: {error}")
