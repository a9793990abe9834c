"""Elastic Load Balancing behind `aws.ports.TargetGroups`."""

from __future__ import annotations

from collections.abc import Sequence

from aws.calls import Calls
from aws.errors import Missing
from aws.iam import iam
from aws.ports import TargetGroupHealth
from aws.states import TargetHealth

# States of targets that take no part (ELB reference, TargetHealth): on stopped hosts, or leaving.
APART = {TargetHealth.UNUSED, TargetHealth.DRAINING}


class TargetGroupsAdapter:
    """Target groups of one account and region, by their names."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth")
    def health(self, names: Sequence[str]) -> dict[str, TargetGroupHealth]:
        """Name → how many of its targets are healthy; names that do not exist here are left out."""
        return {name: found for name in names if (found := self._health(name)) is not None}

    def _health(self, name: str) -> TargetGroupHealth | None:
        try:
            groups = self._calls.call("DescribeTargetGroups", Names=[name])["TargetGroups"]
        except Missing:
            return None
        states = [state for group in groups for state in self._states(group["TargetGroupArn"])]
        taking_part = [state for state in states if state not in APART]
        return TargetGroupHealth(healthy=taking_part.count(TargetHealth.HEALTHY), total=len(taking_part))

    def _states(self, arn: str) -> list[str]:
        answer = self._calls.call("DescribeTargetHealth", TargetGroupArn=arn)
        return [one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]]
