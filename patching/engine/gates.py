"""What else may close the door: alarms and target groups that the policy names. Read right before each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aws.errors import AccessRefused
from aws.ports import Cloud, TargetGroupHealth
from aws.states import AlarmState
from patching.models import Run
from portal.policy.waking import Place

Shut = dict[Place, str]
Told = TypeVar("Told")


@dataclass(frozen=True)
class Door:
    """`why`: nothing may be sent at all (empty: it may). `shut`: places that could not be asked get nothing either.

    `passing`: it is waited for, as a target that comes back after its reboot; what is not passing halts a begun run.
    """

    why: str = ""
    shut: Mapping[Place, str] = field(default_factory=dict)
    passing: bool = False


def door(run: Run, *, cloud: Cloud) -> Door:
    """Whether something is against sending now. A name that nobody knows closes the door too.

    A place that refuses to answer is shut alone, so that one broken account never stops the others.
    """
    alarms = _alarms(run, cloud=cloud)
    if alarms.why:
        return alarms
    groups = _target_groups(run, cloud=cloud)
    return Door(groups.why, {**alarms.shut, **groups.shut}, passing=True)


def _alarms(run: Run, *, cloud: Cloud) -> Door:
    names = run.run_policy.alarms
    if not names:
        return Door()
    states: dict[str, str] = {}
    told, shut = _ask(run, "alarms", lambda place: cloud.alarms(*place).states(names))
    for found in told:
        states |= {name: state for name, state in found.items() if states.get(name) != AlarmState.ALARM}
    ringing = sorted(name for name, state in states.items() if state == AlarmState.ALARM)
    if ringing:
        return Door(f"The CloudWatch alarm {ringing[0]} is in alarm.", shut)
    return Door(_unknown(names, states, shut, "CloudWatch alarm"), shut)


def _target_groups(run: Run, *, cloud: Cloud) -> Door:
    names = run.run_policy.target_groups
    if not names:
        return Door()
    told, shut = _ask(run, "target groups", lambda place: cloud.target_groups(*place).health(names))
    ill = [_ill(name, health, run) for found in told for name, health in sorted(found.items())]
    known = {name for found in told for name in found}
    return Door(next(filter(None, ill), "") or _unknown(names, known, shut, "target group"), shut)


def _ill(name: str, health: TargetGroupHealth, run: Run) -> str:
    wanted = run.run_policy.healthy_percent
    if health.total and health.healthy * 100 >= health.total * wanted:
        return ""
    return f"Target group {name}: {health.healthy} of {health.total} targets are healthy, {wanted} % are asked for."


def _unknown(names: tuple[str, ...], known: Mapping[str, str] | set[str], shut: Shut, noun: str) -> str:
    """Why names that no place knows close the door; a place that did not answer may be the one that knows."""
    unknown = sorted(set(names) - set(known))
    if not unknown:
        return ""
    return next(iter(shut.values()), "") or f"No account of this run has the {noun} {unknown[0]}."


def _ask(run: Run, what: str, answer: Callable[[Place], Told]) -> tuple[list[Told], Shut]:
    told: list[Told] = []
    shut: Shut = {}
    for place in run.targets.order_by().values_list("account_id", "region").distinct():
        try:
            told.append(answer(place))
        except AccessRefused as error:
            shut[place] = f"The {what} of {place[0]} {place[1]} cannot be read: {error}"
    return told, shut
