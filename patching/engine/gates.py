"""Gates before each batch and after each wave: the alarms and target groups that the policy names, read right then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from aws.errors import AccessRefused, Silent, Unasked
from aws.ports import TargetGroupHealth
from aws.states import AlarmState
from patching.engine.places import for_each
from patching.engine.scope import Scope
from patching.policy.waking import Place

Unreadable = dict[Place, str]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class GateResult:
    """`blocked`: why nothing may be sent at all (empty: it may). `unreadable`: places that get nothing, and why.

    `transient`: it is waited for, as a target that comes back after its reboot; anything else halts a begun run.
    """

    blocked: str = ""
    unreadable: Mapping[Place, str] = field(default_factory=dict)
    transient: bool = False


def check_gates(scope: Scope) -> GateResult:
    """Whether something is against sending now. A name that no account knows blocks too.

    A place that refuses to answer is left out alone, so that one broken account never stops the others.
    """
    alarms = _alarms(scope)
    if alarms.blocked:
        return alarms
    groups = _target_groups(scope)
    return GateResult(groups.blocked, {**alarms.unreadable, **groups.unreadable}, transient=True)


def _alarms(scope: Scope) -> GateResult:
    names = scope.run.run_policy.alarms
    if not names:
        return GateResult()
    states: dict[str, str] = {}
    answers, unreadable = _ask(scope, "alarms", lambda place: scope.cloud.alarms(*place).states(names))
    for found in answers:
        states |= {name: state for name, state in found.items() if states.get(name) != AlarmState.ALARM}
    in_alarm = sorted(name for name, state in states.items() if state == AlarmState.ALARM)
    if in_alarm:
        return GateResult(f"The CloudWatch alarm {in_alarm[0]} is in alarm.", unreadable)
    return GateResult(_unknown(names, states, unreadable, "CloudWatch alarm"), unreadable)


def _target_groups(scope: Scope) -> GateResult:
    names = scope.run.run_policy.target_groups
    if not names:
        return GateResult()
    answers, unreadable = _ask(
        scope, "target groups", lambda place: scope.cloud.target_groups(*place).health(names)
    )
    percent = scope.run.run_policy.healthy_percent
    unhealthy = [
        _unhealthy(name, health, percent) for found in answers for name, health in sorted(found.items())
    ]
    known = {name for found in answers for name in found}
    blocked = next(filter(None, unhealthy), "") or _unknown(names, known, unreadable, "target group")
    return GateResult(blocked, unreadable)


def _unhealthy(name: str, health: TargetGroupHealth, percent: int) -> str:
    if health.total and health.healthy * 100 >= health.total * percent:
        return ""
    return f"Target group {name}: {health.healthy} of {health.total} targets are healthy, {percent} % are required."


def _unknown(
    names: tuple[str, ...], known: Mapping[str, str] | set[str], unreadable: Unreadable, noun: str
) -> str:
    """Why names that no place knows block; a place that did not answer may be the one that knows."""
    unknown = sorted(set(names) - set(known))
    if not unknown:
        return ""
    return next(iter(unreadable.values()), "") or f"No account of this run has the {noun} {unknown[0]}."


def _ask(scope: Scope, what: str, answer: Callable[[Place], Answer]) -> tuple[list[Answer], Unreadable]:
    answers: dict[Place, Answer] = {}
    unreadable: Unreadable = {}

    def ask(place: Place) -> None:
        try:
            answers[place] = answer(place)
        except (AccessRefused, Silent, Unasked) as error:
            unreadable[place] = f"The {what} of {place[0]} {place[1]} cannot be read: {error}"

    places = list(scope.run.targets.order_by().values_list("account_id", "region").distinct())
    for_each(places, ask)
    answered = dict(answers)  # what comes later counts at the next look
    missing = {place: f"The {what} of {place[0]} {place[1]} are not read yet." for place in places}
    return list(answered.values()), {
        place: unreadable.get(place, why) for place, why in missing.items() if place not in answered
    }
