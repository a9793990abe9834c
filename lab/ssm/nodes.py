"""DescribeInstanceInformation: which instances have a working agent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

from lab import world as worlds
from lab.fleet import Host
from lab.ssm.errors import SSMException, request_of
from lab.ssm.listing import page

LEAST_PAGE, DEFAULT_PAGE, MOST_PAGE = 5, 10, 50


def ping_status(host: Host) -> str:
    return "Online" if host.reachable else "ConnectionLost"


VALUES: dict[str, Callable[[Host], str]] = {
    "InstanceIds": lambda host: host.instance_id,
    "PingStatus": ping_status,
    "PlatformTypes": lambda host: host.machine.platform_type,
    "AgentVersion": lambda host: host.spec.agent_version,
    "ResourceType": lambda host: "EC2Instance",
}


def describe_instance_information(response: SimpleSystemManagerResponse) -> ActionResult:
    """Registered nodes; stopped and terminated ones are not among them. 10 a page unless asked."""
    world, request = worlds.current(), request_of(response)
    filters = [(one["Key"], one["Values"]) for one in request.get("Filters") or ()]
    filters += [(one["key"], one["valueSet"]) for one in request.get("InstanceInformationFilterList") or ()]
    check(request, [key for key, _ in filters])
    with world.lock:
        place = world.fleet.at(response.current_account, response.region)
        found = [host for host in place.values() if host.registered and fits(host, filters)]
        keys = [host.instance_id for host in found]
        shown, token = page(found, keys, request, MOST_PAGE, DEFAULT_PAGE)
        return ActionResult({"InstanceInformationList": [view(host) for host in shown], **token})


def check(request: dict[str, Any], keys: list[str]) -> None:
    if request.get("MaxResults", LEAST_PAGE) < LEAST_PAGE:
        raise SSMException("ValidationException", f"maxResults must be at least {LEAST_PAGE}.")
    tags = [key for key in keys if key.startswith("tag")]
    if unknown := [key for key in keys if key not in VALUES and key not in tags]:
        raise SSMException("InvalidFilterKey", f"The specified filter key is not valid: {unknown[0]}.")
    if tags and len(tags) != len(keys):
        raise SSMException(
            "InvalidInstanceInformationFilterValue", "Tag filters cannot be mixed with others."
        )


def fits(host: Host, filters: list[tuple[str, list[str]]]) -> bool:
    return all(value_fits(host, key, values) for key, values in filters)


def value_fits(host: Host, key: str, values: list[str]) -> bool:
    if key == "tag-key":
        return bool(set(values) & host.tags.keys())
    if key.startswith("tag:"):
        return host.tags.get(key.removeprefix("tag:")) in values
    return VALUES[key](host) in values


def view(host: Host) -> dict[str, Any]:
    """One entry of the list."""
    if host.reachable:
        host.seen_at = datetime.now(UTC)
    return {
        "InstanceId": host.instance_id,
        "PingStatus": ping_status(host),
        "LastPingDateTime": host.seen_at,
        "AgentVersion": host.spec.agent_version,
        "IsLatestVersion": True,
        "PlatformType": host.machine.platform_type,
        "PlatformName": host.machine.platform_name,
        "PlatformVersion": host.machine.platform_version,
        "ResourceType": "EC2Instance",
        "IPAddress": host.private_ip,
        "ComputerName": host.spec.name or f"ip-{host.private_ip.replace('.', '-')}",
    }
