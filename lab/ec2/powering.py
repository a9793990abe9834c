"""StartInstances, StopInstances, TerminateInstances, RebootInstances; RunInstances is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses import EC2Response

from lab import power
from lab import world as worlds
from lab.ec2.errors import EC2ClientError, named
from lab.fleet import STATE_CODES, Host

GONE = ("terminated", "shutting-down")


def start_instances(response: EC2Response) -> ActionResult:
    """All or none: one without capacity or in a wrong state refuses every one of them."""
    hosts = asked(response)
    refuse(hosts, (*GONE, "stopping"), "started")
    full = [host for host in hosts if "start_no_capacity" in host.faults and host.state == "stopped"]
    if full:
        raise EC2ClientError(
            "InsufficientInstanceCapacity",
            f"We currently do not have sufficient capacity in the Availability Zone you requested "
            f"({full[0].availability_zone}). Our system will be working on provisioning additional capacity.",
        )
    return moved(hosts, power.start, "StartingInstances")


def stop_instances(response: EC2Response) -> ActionResult:
    """Stops what runs; EBS-backed instances only."""
    hosts = asked(response)
    refuse(hosts, (*GONE, "pending"), "stopped")
    for host in hosts:
        if host.spec.root_device != "ebs":
            raise EC2ClientError(
                "UnsupportedOperation",
                f"The instance '{host.instance_id}' does not have an 'ebs' root device type.",
            )
    return moved(hosts, power.stop, "StoppingInstances")


def terminate_instances(response: EC2Response) -> ActionResult:
    """Ends instances for good; they stay visible as terminated."""
    return moved(asked(response), power.terminate, "TerminatingInstances")


def reboot_instances(response: EC2Response) -> ActionResult:
    """Restarts running instances at once, without the agent's minute."""
    world, hosts = worlds.current(), asked(response)
    refuse(hosts, tuple(state for state in STATE_CODES if state != "running"), "rebooted")
    with world.lock:
        for host in hosts:
            power.restart(world, host)
    return EmptyResult()


def run_instances(response: EC2Response) -> ActionResult:
    """The fleet is what the scenario says."""
    raise EC2ClientError("UnsupportedOperation", "The simulated fleet grows only by its scenario file.")


def asked(response: EC2Response) -> list[Host]:
    response.error_on_dryrun()
    place = worlds.current().fleet.at(response.current_account, response.region)
    ids = response._get_param("InstanceIds", [])
    if not ids:
        raise EC2ClientError("MissingParameter", "The request must contain the parameter instancesSet")
    return named(place, ids)


def refuse(hosts: list[Host], states: tuple[str, ...], what: str) -> None:
    """IncorrectInstanceState when one of them is in one of these states."""
    for host in hosts:
        if host.state in states:
            raise EC2ClientError(
                "IncorrectInstanceState",
                f"The instance '{host.instance_id}' is not in a state from which it can be {what}.",
            )


def moved(hosts: list[Host], move: Callable[[worlds.World, Host], None], key: str) -> ActionResult:
    world = worlds.current()
    with world.lock:
        changes = [one_change(world, host, move) for host in hosts]
    return ActionResult({key: changes})


def one_change(world: worlds.World, host: Host, move: Callable[[worlds.World, Host], None]) -> dict[str, Any]:
    before = host.state
    move(world, host)
    return {
        "InstanceId": host.instance_id,
        "PreviousState": {"Code": STATE_CODES[before], "Name": before},
        "CurrentState": {"Code": STATE_CODES[host.state], "Name": host.state},
    }
