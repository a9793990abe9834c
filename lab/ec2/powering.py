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
# Fault of a stopped instance → EC2's code and words for its start.
AGAINST_A_START = {
    "start_no_capacity": (
        "InsufficientInstanceCapacity",
        (
            "We currently do not have sufficient capacity in the Availability Zone you requested "
            "({0.availability_zone}). Our system will be working on provisioning additional capacity."
        ),
    ),
    "start_host_full": (
        "InsufficientCapacityOnHost",
        "There is not enough capacity on the Dedicated Host to launch or start the instance.",
    ),
    "start_reservation_full": (
        "ReservationCapacityExceeded",
        "The targeted Capacity Reservation does not have enough available instance capacity to fulfill your request.",
    ),
    "spot_interrupted": (
        "IncorrectSpotRequestState",
        "Only Amazon EC2 can restart an interrupted stopped Spot Instance.",
    ),
}


def start_instances(response: EC2Response) -> ActionResult:
    """All or none: one without capacity or in a wrong state refuses every one of them."""
    hosts = asked(response)
    refuse(hosts, (*GONE, "stopping"), "started")
    for host in hosts:
        for fault, (code, said) in AGAINST_A_START.items():
            if fault in host.faults and host.state == "stopped":
                raise EC2ClientError(code, said.format(host))
    return moved(hosts, power.start, "StartingInstances")


def stop_instances(response: EC2Response) -> ActionResult:
    """Stops or hibernates what runs, all or none; EBS-backed instances only."""
    hosts = asked(response)
    refuse(hosts, (*GONE, "pending"), "stopped")
    for host in hosts:
        if host.spec.root_device != "ebs":
            raise EC2ClientError(
                "UnsupportedOperation",
                f"The instance '{host.instance_id}' does not have an 'ebs' root device type.",
            )
    hibernate = str(response._get_param("Hibernate")).lower() == "true"
    for host in hosts:
        check_may_stop(host, hibernate=hibernate)
    return moved(hosts, power.hibernate if hibernate else power.stop, "StoppingInstances")


def check_may_stop(host: Host, *, hibernate: bool) -> None:
    """Stop protection of what runs, and what hibernation needs."""
    if host.state == "running":
        check_protection(host, "stopped")
    if hibernate and not host.spec.hibernation:
        said = f"The instance is not enabled for hibernation: {host.instance_id}"
        raise EC2ClientError("UnsupportedHibernationConfiguration", said)
    if hibernate and "hibernate_not_ready" in host.faults and host.state == "running":
        raise EC2ClientError(
            "UnsupportedOperation",
            "Your instance is not ready to hibernate yet. Please retry after a few minutes.",
        )


def check_protection(host: Host, what: str) -> None:
    if "stop_protected" in host.faults:
        raise EC2ClientError(
            "OperationNotPermitted",
            f"The instance '{host.instance_id}' may not be {what}. "
            "Modify its 'disableApiStop' instance attribute and try again.",
        )


def terminate_instances(response: EC2Response) -> ActionResult:
    """Ends instances for good; they stay visible as terminated. Stop protection protects from it too."""
    hosts = asked(response)
    for host in hosts:
        check_protection(host, "terminated")
    return moved(hosts, power.terminate, "TerminatingInstances")


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
