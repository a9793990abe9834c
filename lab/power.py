"""Power of simulated instances: start, stop, terminate, reboot, each with its delay. Expects the world's lock."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from lab.ec2.reasons import BY_USER, CLIENT_ERROR, HIBERNATED

if TYPE_CHECKING:
    from lab.fleet import Host
    from lab.world import World


def start(world: World, host: Host) -> None:
    """stopped → pending → running; the agent answers a little later. Running ones stay as they are."""
    if host.state in ("running", "pending"):
        return
    host.resuming = host.state_reason == HIBERNATED
    change(world, host, "pending", "")
    host.launched_at = world.clock.now().replace(microsecond=0)
    if "start_key_disabled" in host.faults:
        later(world, host, world.delays.start_s, partial(settle, state="stopped", reason=CLIENT_ERROR))
    else:
        later(world, host, world.delays.start_s, started)


def started(world: World, host: Host) -> None:
    host.booting, host.rebooting, host.lost = True, False, False
    change(world, host, "running", "")
    later(world, host, world.delays.agent_boot_s, booted)


def booted(world: World, host: Host) -> None:
    """The machine is up with its newest kernel, and the agent goes on with what it had begun.

    One that was hibernated goes on as it was: same boot id, same kernel.
    """
    try:
        if not host.resuming:
            host.machine.reboot()
    except (OSError, RuntimeError, ValueError) as problem:
        print(f"lab: {host.instance_id} does not come up: {problem}", file=sys.stderr)
        host.lost = True
    host.booting = host.rebooting = host.resuming = False
    world.fleet.changed([host])
    for call in world.when_up:
        call(world, host)


def stop(world: World, host: Host, reason: str = BY_USER) -> None:
    """running → stopping → stopped."""
    if host.state in ("stopped", "stopping"):
        return
    go_down(world, host)
    change(world, host, "stopping", reason)
    later(world, host, world.delays.stop_s, partial(settle, state="stopped"))


def hibernate(world: World, host: Host) -> None:
    """As stop, but what is in memory waits for the next start."""
    stop(world, host, HIBERNATED)


def terminate(world: World, host: Host) -> None:
    """any → shutting-down → terminated, for good."""
    if host.state in ("terminated", "shutting-down"):
        return
    go_down(world, host)
    change(world, host, "shutting-down", BY_USER)
    later(world, host, world.delays.terminate_s, partial(settle, state="terminated"))


def settle(world: World, host: Host, *, state: str, reason: str = "") -> None:
    change(world, host, state, reason or host.state_reason)


def reboot(world: World, host: Host) -> None:
    """After a minute the host goes down, then comes up again, unless the fault reboot_lost is on."""
    later(world, host, world.delays.reboot_wait_s, restart)


def restart(world: World, host: Host) -> None:
    if host.state != "running":
        return
    go_down(world, host)
    host.rebooting = True
    if "reboot_lost" in host.faults:
        host.lost = True
        world.fleet.changed([host])
        return
    later(world, host, world.delays.reboot_s, booted)


def come_back(world: World, host: Host) -> None:
    """Someone brought a lost host up again."""
    host.lost, host.rebooting = False, True
    later(world, host, world.delays.reboot_s, booted)


def go_down(world: World, host: Host) -> None:
    """Timers of the earlier life no longer count; scripts die."""
    host.lives += 1
    host.moves += 1
    for call in world.when_down:
        call(world, host)
    host.machine.cut_power()


def change(world: World, host: Host, state: str, reason: str) -> None:
    host.state, host.state_reason = state, reason
    world.fleet.changed([host])


def later(world: World, host: Host, seconds: float, call: Callable[[World, Host], None]) -> None:
    """Call with the lock after a delay, unless the host went another way meanwhile."""
    host.moves += 1
    expected = host.moves

    def when_due() -> None:
        with world.lock:
            if host.moves == expected:
                call(world, host)

    world.timers.after(seconds, when_due)
