"""What a load balancer says of the fleet's hosts: moto looks for them among its own instances, and finds none."""

from __future__ import annotations

from typing import Any

from moto.elbv2.models import FakeHealthStatus, FakeTargetGroup

from lab import world as worlds

_moto_health_for = FakeTargetGroup.health_for
# ELB reference, TargetHealth: state, reason and words for a host by its power state; a booting one fails its checks.
STOPPED = ("unused", "Target.InvalidState", "Target is in the stopped state")
NOT_UP = ("unhealthy", "Target.FailedHealthChecks", "Health checks failed")


def health_for(group: FakeTargetGroup, target: dict[str, Any], ec2_backend: Any) -> FakeHealthStatus:
    """Moto's answer, unless the host is known and not up."""
    found = _moto_health_for(group, target, ec2_backend)
    host = worlds.current().fleet.get(target["Id"])
    if host is None or found.status != "healthy" or host.state == "running":
        return found
    said = STOPPED if host.state in ("stopped", "stopping") else NOT_UP
    return FakeHealthStatus(found.instance_id, found.port, found.health_check_port, *said)
