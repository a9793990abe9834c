"""What a setting was and what it became: one form for every event, one way to read it out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

SECRET = "changed"  # stands for both values where nobody is to read them


def old_and_new(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    secret: Collection[str] = (),
    said: Mapping[str, Callable[[Any, Any], str]] = MappingProxyType({}),
) -> dict[str, Any]:
    """An event's detail: `{"changed": {field: [old, new]}}` of the fields that differ; of secret ones only that.

    `said` tells a change in words of its own, which the event keeps beside the values: it outlives the field.
    """
    differ = [name for name in after if _plain(before.get(name)) != _plain(after[name])]
    pairs = {name: [_plain(before.get(name)), _plain(after[name])] for name in differ}
    detail = {"changed": {name: SECRET if name in secret else pairs[name] for name in differ}}
    told = {name: said[name](*pairs[name]) for name in differ if name in said}
    return detail | ({"said": told} if told else {})


def sentences(detail: Mapping[str, Any]) -> Iterator[str]:
    """Each change of an event as a person reads it, e.g. `Duration minutes: 240 → 600`."""
    said = detail.get("said", {})
    for name, pair in detail.get("changed", {}).items():
        yield said.get(name) or sentence(name.replace("_", " ").capitalize(), pair)


def sentence(label: str, pair: Any) -> str:
    """One change: `pair` is [old, new], or SECRET."""
    return f"{label} {SECRET}" if pair == SECRET else f"{label}: {words(pair[0])} → {words(pair[1])}"


def words(value: Any) -> str:
    if value in (None, "", []):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(words(one) for one in value)
    if isinstance(value, dict):
        return " ".join(f"{name} {words(one)}" for name, one in value.items())
    return str(value)


def _plain(value: Any) -> Any:
    """As JSON holds it."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
