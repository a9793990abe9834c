"""DescribeInstances and DescribeTags over the fleet's own index: paged by instance, never quadratic."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from lab import world as worlds
from lab.ec2.errors import EC2ClientError, named
from lab.ec2.reasons import SENTENCES
from lab.fleet import STATE_CODES, Host

LEAST_PAGE, MOST_PAGE = 5, 1000
VALUES: dict[str, Callable[[Host], Iterable[str]]] = {
    "instance-id": lambda host: (host.instance_id,),
    "instance-state-name": lambda host: (host.state,),
    "instance-state-code": lambda host: (str(STATE_CODES[host.state]),),
    "tag-key": lambda host: host.tags,
    "availability-zone": lambda host: (host.availability_zone,),
    "private-ip-address": lambda host: (host.private_ip,),
    "platform": lambda host: ("windows",) if has_platform(host) else (),
    "image-id": lambda host: (image_id(host),),
    "instance-type": lambda host: (instance_type(host),),
    "root-device-type": lambda host: (host.spec.root_device,),
}


def describe_instances(response: EC2Response) -> ActionResult:
    """DescribeInstances: by ids or by filters, MaxResults 5..1000 counted in instances."""
    response.error_on_dryrun()
    world = worlds.current()
    ids, size = response._get_param("InstanceIds", []), response._get_param("MaxResults")
    check_page(ids, size)
    filters = response._filters_from_querystring()
    with world.lock:
        place = world.fleet.at(response.current_account, response.region)
        hosts = named(place, ids) if ids else list(place.values())
        hosts = [host for host in hosts if fits(host, filters)]
        shown, token = page(hosts, size, response._get_param("NextToken"))
        views = [reservation(host) for host in shown]
    return ActionResult({"Reservations": views, "NextToken": token})


def check_page(ids: list[str], size: Any) -> None:
    if ids and size is not None:
        raise EC2ClientError(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        )
    if size is not None and not LEAST_PAGE <= int(size) <= MOST_PAGE:
        raise EC2ClientError(
            "InvalidParameterValue",
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.",
        )


def page(hosts: list[Host], size: Any, token: str | None) -> tuple[list[Host], str | None]:
    """One page; the token is the id of the last instance before it."""
    begin = 0
    if token:
        ids = [host.instance_id for host in hosts]
        if token not in ids:
            raise EC2ClientError("InvalidParameterValue", "Unable to parse pagination token")
        begin = ids.index(token) + 1
    end = begin + int(size) if size else len(hosts)
    return hosts[begin:end], hosts[end - 1].instance_id if end < len(hosts) else None


def fits(host: Host, filters: Mapping[str, Any]) -> bool:
    """Every filter, any of its values; `*` and `?` are wildcards."""
    return all(
        any(matcher(value)(text) for text in texts_of(host, name) for value in values)
        for name, values in filters.items()
    )


def texts_of(host: Host, name: str) -> Iterable[str]:
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return (host.tags[key],) if key in host.tags else ()
    if name not in VALUES:
        raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return VALUES[name](host)


@lru_cache(maxsize=4096)
def matcher(value: str) -> Callable[[str], Any]:
    # fnmatch also knows [sets]; EC2 does not.
    pattern = fnmatch.translate(value.replace("[", "[[]"))
    return re.compile(pattern).match


def image_id(host: Host) -> str:
    number = sum(host.spec.os.encode())
    return f"ami-{number:017x}"


def instance_type(host: Host) -> str:
    return "m6i.large" if host.spec.os.startswith("windows") else "t3.medium"


def reservation(host: Host) -> dict[str, Any]:
    """Each instance is a reservation of its own."""
    return {
        "ReservationId": f"r-{host.instance_id[2:]}",
        "OwnerId": host.spec.account,
        "Groups": [],
        "Instances": [instance(host)],
    }


def instance(host: Host) -> dict[str, Any]:
    """What the API tells of one instance."""
    spec = host.spec
    view: dict[str, Any] = {
        "InstanceId": host.instance_id,
        "ImageId": image_id(host),
        "State": {"Code": STATE_CODES[host.state], "Name": host.state},
        "PrivateDnsName": f"ip-{host.private_ip.replace('.', '-')}.{spec.region}.compute.internal",
        "InstanceType": instance_type(host),
        "LaunchTime": host.launched_at,
        "Placement": {"AvailabilityZone": host.availability_zone, "Tenancy": "default", "GroupName": ""},
        "Monitoring": {"State": "disabled"},
        "PrivateIpAddress": host.private_ip,
        "Architecture": "x86_64",
        "RootDeviceType": spec.root_device,
        "RootDeviceName": "/dev/xvda",
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "HibernationOptions": {"Configured": spec.hibernation},
        "PlatformDetails": platform_details(host),
        "Tags": [{"Key": key, "Value": value} for key, value in host.tags.items()],
    }
    return view | optional(host)


def platform_details(host: Host) -> str:
    return host.spec.platform_details or ("Windows" if host.spec.os.startswith("windows") else "Linux/UNIX")


def has_platform(host: Host) -> bool:
    """EC2 knows by the image that a Windows is one; of an own licence or an import it may say nothing."""
    return platform_details(host) == "Windows"


def optional(host: Host) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if has_platform(host):
        extra["Platform"] = "windows"
    if "spot_interrupted" in host.faults:
        extra["InstanceLifecycle"] = "spot"
    if host.has_profile:
        arn = f"arn:aws:iam::{host.spec.account}:instance-profile/{host.profile or 'PatchedInstance'}"
        extra["IamInstanceProfile"] = {"Arn": arn, "Id": "AIPA0PATCHEDINSTANCE0"}
    if volume := worlds.current().volumes.root_of(host):
        extra["BlockDeviceMappings"] = [
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": volume, "Status": "attached"}}
        ]
    if host.state_reason:
        message = SENTENCES.get(host.state_reason, host.state_reason)
        extra["StateReason"] = {"Code": host.state_reason, "Message": message}
        extra["StateTransitionReason"] = "User initiated"
    return extra


def describe_tags(response: EC2Response) -> ActionResult:
    """DescribeTags of instances: filters key, value, resource-id, resource-type."""
    world = worlds.current()
    filters = response._filters_from_querystring()
    with world.lock:
        hosts = world.fleet.at(response.current_account, response.region).values()
        rows = [tag_row(host, key, value) for host in hosts for key, value in host.tags.items()]
    names = {"key": "Key", "value": "Value", "resource-id": "ResourceId", "resource-type": "ResourceType"}
    for name, values in filters.items():
        if name not in names:
            raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
        rows = [row for row in rows if any(matcher(value)(row[names[name]]) for value in values)]
    return ActionResult({"Tags": rows})


def tag_row(host: Host, key: str, value: str) -> dict[str, str]:
    return {"ResourceId": host.instance_id, "ResourceType": "instance", "Key": key, "Value": value}
