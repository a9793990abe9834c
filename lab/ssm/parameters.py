"""What a document allows its parameters to be. The service asks at SendCommand, the agent again before any step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from moto.ssm.models import ssm_backends

from lab import agent_versions
from lab.ssm import patterns
from lab.ssm.interpolation import Value

STORED = re.compile(r"\{\{ *ssm:([/\w.-]+)(?::\d+)? *\}\}")


class Unusable(ValueError):
    """The document cannot run with these values; the message goes into the trace."""


@cache
def expression(pattern: str) -> re.Pattern[str]:
    """The service's reading, which is not the agent's; Python's `$` also matches before a last newline."""
    pieces = re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^\\\[]|.", pattern, re.DOTALL)
    return re.compile("".join(r"\Z" if piece == "$" else piece for piece in pieces))


def refusal(name: str, about: Mapping[str, Any], value: str, read: Callable[[str], Any] = expression) -> str:
    """Why one value is not allowed, or an empty text. `read` compiles the pattern."""
    allowed = [str(one) for one in about.get("allowedValues") or ()]
    if allowed and value not in allowed:
        return f"Parameter {name}: the value is not one of {', '.join(allowed)}."
    pattern = about.get("allowedPattern")
    if pattern and not read(pattern).search(value):
        return f"Parameter {name}: the value does not match the pattern {pattern}."
    for limit, too in (("minChars", int.__gt__), ("maxChars", int.__lt__)):
        if limit in about and too(int(about[limit]), len(value)):
            return f"Parameter {name}: the value breaks {limit} {about[limit]}."
    return ""


def is_stored(value: str) -> bool:
    """A reference into Parameter Store: only the agent learns its value."""
    return STORED.search(value) is not None


def resolved(
    given: Mapping[str, list[str]], declared: Mapping[str, Any], account: str, region: str
) -> dict[str, Value]:
    """The values as the agent uses them: references looked up, all checked. Raises Unusable."""
    check_patterns(declared)
    looked_up = {name: [fetched(one, account, region) for one in values] for name, values in given.items()}
    for sentence in refusals(looked_up, declared):
        raise Unusable(sentence)
    return {name: shaped(declared[name], values) for name, values in looked_up.items()}


def check_patterns(declared: Mapping[str, Any]) -> None:
    """Every pattern must compile, whether a value was given or not. Raises Unusable."""
    for name, about in declared.items():
        try:
            patterns.compiled(about.get("allowedPattern") or "")
        except patterns.Uncompilable as problem:
            raise Unusable(f"Parameter {name}: {problem}") from problem


def refusals(given: Mapping[str, Iterable[str]], declared: Mapping[str, Any]) -> Iterator[str]:
    for name, values in given.items():
        sentences = (refusal(name, declared[name], value, patterns.compiled) for value in values)
        yield from filter(None, sentences)


def shaped(about: Mapping[str, Any], values: list[str]) -> Value:
    return values if about["type"] == "StringList" else values[0]


def fetched(value: str, account: str, region: str) -> str:
    def look_up(found: re.Match[str]) -> str:
        stored = ssm_backends[account][region].get_parameter(found[1])
        if stored is None or stored.parameter_type == "SecureString":
            raise Unusable(f"Parameter Store has no plain parameter {found[1]}.")
        text: str = stored.value
        return text

    return STORED.sub(look_up, value)


def environment(values: Mapping[str, Value], declared: Mapping[str, Any], agent: str) -> dict[str, str]:
    """SSM_<name> for each parameter of interpolationType ENV_VAR; agents that do not know it give none."""
    if not agent_versions.can(agent, agent_versions.ENV_VAR):
        return {}
    return {
        f"SSM_{name}": value
        for name, value in values.items()
        if by_environment(declared[name]) and isinstance(value, str)
    }


def pasted(values: Mapping[str, Value], declared: Mapping[str, Any], agent: str) -> dict[str, Value]:
    """The parameters that are pasted as text: all, but those that travel in the environment."""
    new = agent_versions.can(agent, agent_versions.ENV_VAR)
    return {name: value for name, value in values.items() if not (new and by_environment(declared[name]))}


def by_environment(about: Mapping[str, Any]) -> bool:
    return about.get("interpolationType") == "ENV_VAR"
