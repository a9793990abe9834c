"""CloudWatch behind `aws.ports.Alarms`."""

from __future__ import annotations

from collections.abc import Sequence

from aws.calls import Calls
from aws.iam import iam

NAMES_PER_CALL = 100


class CloudWatchAdapter:
    """Alarms of one account and region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("cloudwatch:DescribeAlarms")
    def states(self, names: Sequence[str]) -> dict[str, str]:
        """Name → state of those that exist here, metric alarms and composite ones. Raises Refused for an odd name."""
        found: dict[str, str] = {}
        for first in range(0, len(names), NAMES_PER_CALL):
            some = list(names[first : first + NAMES_PER_CALL])
            answer = self._calls.call(
                "DescribeAlarms", AlarmNames=some, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
            )
            alarms = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
            found |= {alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms}
        return found
