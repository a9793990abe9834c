"""DescribeInstanceAttribute and ModifyInstanceAttribute of the one attribute that our documents and tests need."""

from __future__ import annotations

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses import EC2Response

from lab import faults
from lab import world as worlds
from lab.ec2.errors import EC2ClientError, named
from lab.fleet import Host

STOP_PROTECTION = "disableApiStop"
PROTECTED = "stop_protected"  # the fault in which it is kept


def describe_instance_attribute(response: EC2Response) -> ActionResult:
    """Whether the instance is protected from StopInstances."""
    response.error_on_dryrun()
    host = _host(response)
    check(str(response._get_param("Attribute") or ""))
    return ActionResult(
        {"InstanceId": host.instance_id, "DisableApiStop": {"Value": PROTECTED in host.faults}}
    )


def modify_instance_attribute(response: EC2Response) -> EmptyResult:
    """Turns stop protection on or off, also of a stopped instance."""
    response.error_on_dryrun()
    host, wanted = _host(response), response._get_param("DisableApiStop")
    check(STOP_PROTECTION if wanted is not None else "")
    if host.spec.root_device != "ebs":
        raise EC2ClientError("UnsupportedOperation", "Stop protection needs an EBS-backed instance.")
    world = worlds.current()
    with world.lock:
        faults.set_fault(world, host, PROTECTED, str(wanted["Value"]).lower() == "true")
    return EmptyResult()


def _host(response: EC2Response) -> Host:
    place = worlds.current().fleet.at(response.current_account, response.region)
    return named(place, [str(response._get_param("InstanceId"))])[0]


def check(attribute: str) -> None:
    if attribute != STOP_PROTECTION:
        raise EC2ClientError(
            "InvalidParameterValue", f"The simulated EC2 knows no attribute but {STOP_PROTECTION}."
        )
