"""What a setting was and what it became: one form for every event, one way to read it out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

SECRET = "changed"  # stands for both values where nobody is to read them


def old_and_new(
    before: Mapping[str, Any], after: Mapping[str, Any], *, secret: Collection[str] = ()
) -> dict[str, Any]:
    """An event's detail: `{"changed": {field: [old, new]}}` of the fields that differ; of secret ones only that."""
    differ = [name for name in after if before.get(name) != after[name]]
    pairs = {name: [_plain(before.get(name)), _plain(after[name])] for name in differ}
    return {"changed": {name: SECRET if name in secret else pairs[name] for name in differ}}


def sentences(detail: Mapping[str, Any]) -> Iterator[str]:
    """Each change of an event as a person reads it, e.g. `Duration minutes: 240 → 600`."""
    for name, pair in detail.get("changed", {}).items():
        label = name.replace("_", " ").capitalize()
        yield f"{label} {SECRET}" if pair == SECRET else f"{label}: {words(pair[0])} → {words(pair[1])}"


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
