"""Turns faults of single hosts on and off. Expects the world's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import power
from lab.ec2 import reasons
from lab.scenario import FAULTS

if TYPE_CHECKING:
    from lab.fleet import Host
    from lab.world import World


def set_fault(world: World, host: Host, name: str, on: bool, content: str = "") -> None:
    """Raises ValueError for an unknown fault. `content` may name the package of update_fails."""
    if name not in FAULTS:
        raise ValueError(f"{name!r} is no fault; known: {', '.join(sorted(FAULTS))}")
    (host.faults.add if on else host.faults.discard)(name)
    host.machine.set_fault(name, on, content)
    world.fleet.changed([host])
    if name == "spot_interrupted" and host.state == "stopped":
        power.change(world, host, "stopped", reasons.SPOT if on else reasons.BY_USER)
    if name == "reboot_lost" and not on and host.lost:
        power.come_back(world, host)


def restore(world: World, host: Host) -> None:
    """The faults that the scenario gave the host, and no other."""
    wanted = set(host.spec.faults) | ({"offline"} if host.spec.agent == "offline" else set())
    for name in host.faults ^ wanted:
        set_fault(world, host, name, name in wanted)
