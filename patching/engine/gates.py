"""What else may close the door: CloudWatch alarms that the policy names. Read right before each batch is sent."""

from __future__ import annotations

from aws.ports import Cloud
from patching.models import Run

ALARM = "ALARM"


def closed(run: Run, *, cloud: Cloud) -> str:
    """Why nothing may be sent now; empty when nothing is against it. An alarm that nobody knows closes the door too."""
    names = run.run_policy.alarms
    if not names:
        return ""
    states: dict[str, str] = {}
    for account_id, region in run.targets.order_by().values_list("account_id", "region").distinct():
        found = cloud.alarms(account_id, region).states(names)
        states |= {name: state for name, state in found.items() if states.get(name) != ALARM}
    ringing = sorted(name for name, state in states.items() if state == ALARM)
    if ringing:
        return f"The CloudWatch alarm {ringing[0]} is in alarm."
    unknown = sorted(set(names) - set(states))
    return f"No account of this run has the CloudWatch alarm {unknown[0]}." if unknown else ""
