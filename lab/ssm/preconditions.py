"""Whether a step's precondition lets it run on this host. Only StringEquals of two arguments is known to the agent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.ssm.interpolation import Value, replaced

SKIP, FAIL = "skip", "fail"


def verdict(step: Mapping[str, Any], platform: str, values: Mapping[str, Value]) -> tuple[str, str]:
    """("", "") when the step runs; else skip or fail, and the agent's words."""
    conditions = step.get("precondition") or {}
    wrong = list(unrecognised(conditions, values))
    unmet = [told(arguments) for arguments in known(conditions) if not met(arguments, platform, values)]
    if unmet:
        sentence = f"Step execution skipped due to unsatisfied preconditions: '{', '.join(unmet + wrong)}'"
        return SKIP, f"{sentence}. Step name: {step['name']}"
    if wrong:
        sentence = (
            f"Unrecognized precondition(s): '{', '.join(wrong)}', please update agent to latest version"
        )
        return FAIL, f"{sentence}. Step name: {step['name']}"
    return "", ""


def known(conditions: Mapping[str, Any]) -> Iterator[list[str]]:
    arguments = conditions.get("StringEquals")
    if isinstance(arguments, list) and len(arguments) == 2 and arguments[0] != arguments[1]:
        yield [str(one) for one in arguments]


def unrecognised(conditions: Mapping[str, Any], values: Mapping[str, Value]) -> Iterator[str]:
    for operator, arguments in conditions.items():
        if operator != "StringEquals":
            yield f'unrecognized operator: "{operator}"'
        elif not isinstance(arguments, list) or len(arguments) != 2:
            yield '"StringEquals": operator accepts exactly 2 arguments'
        elif arguments[0] == arguments[1]:
            yield "\"StringEquals\": operator's arguments can't be identical"
        elif "platformType" not in arguments and replaced(arguments, values) == arguments:
            yield '"StringEquals": at least one of operator\'s arguments must contain a valid document parameter'


def met(arguments: list[str], platform: str, values: Mapping[str, Value]) -> bool:
    """The platform is compared without case, parameters with it."""
    if "platformType" in arguments:
        other = arguments[1] if arguments[0] == "platformType" else arguments[0]
        return other.lower() == platform.lower()
    first, second = (replaced(one, values) for one in arguments)
    return first == second or [first, second] == arguments


def told(arguments: list[str]) -> str:
    return f'"StringEquals": [{", ".join(arguments)}]'
