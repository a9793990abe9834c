"""What else may close the door: CloudWatch alarms that the policy names. Read right before each batch is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws.errors import AccessRefused
from aws.ports import Cloud
from patching.models import Run
from portal.policy.waking import Place

ALARM = "ALARM"


@dataclass(frozen=True)
class Door:
    """`why`: nothing may be sent at all (empty: it may). `shut`: places that could not be asked get nothing either."""

    why: str = ""
    shut: Mapping[Place, str] = field(default_factory=dict)


def door(run: Run, *, cloud: Cloud) -> Door:
    """Whether something is against sending now. An alarm that nobody knows closes the door too.

    A place that refuses to tell its alarms is shut alone, so that one broken account never stops the others.
    """
    names = run.run_policy.alarms
    if not names:
        return Door()
    states, shut = _states(run, names, cloud=cloud)
    ringing = sorted(name for name, state in states.items() if state == ALARM)
    if ringing:
        return Door(f"The CloudWatch alarm {ringing[0]} is in alarm.", shut)
    unknown = sorted(set(names) - set(states))
    if unknown and shut:
        return Door(next(iter(shut.values())), shut)
    return Door(f"No account of this run has the CloudWatch alarm {unknown[0]}." if unknown else "", shut)


def _states(run: Run, names: tuple[str, ...], *, cloud: Cloud) -> tuple[dict[str, str], dict[Place, str]]:
    states: dict[str, str] = {}
    shut: dict[Place, str] = {}
    for place in run.targets.order_by().values_list("account_id", "region").distinct():
        try:
            found = cloud.alarms(*place).states(names)
        except AccessRefused as error:
            shut[place] = f"The alarms of {place[0]} {place[1]} cannot be read: {error}"
            continue
        states |= {name: state for name, state in found.items() if states.get(name) != ALARM}
    return states, shut
