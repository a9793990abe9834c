"""What the parts of a report have in common, and what a host tells of its system beside its packages.

With `host_report` the file that knows the keys of `host-report.schema.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Self, cast

Json = Mapping[str, Any]
Texts = tuple[str, ...]
# Left out where there is nothing to tell, and by documents of old and Windows'.
_OPTIONAL = (
    *("aside", "not_offered", "unanswered", "withheld", "release", "boot_default", "unknown", "clock"),
    "failures",
)
_KEYS = {"held_back": "aside", "old": "from", "new": "to"}


class Part:
    """A value of a report, which JSON writes as an object."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON that it was made of, as the schema spells it."""
        told = {key: getattr(self, name) for name, key in _keys(cast(Any, type(self)))}
        return {key: _json(value) for key, value in told.items() if value is not None or key not in _OPTIONAL}


@dataclass(frozen=True, slots=True)
class Failure(Part):
    """An update that did not go in. step: download or install; code: the system's own number, as 0x800F0922."""

    name: str
    new: str
    step: str
    code: str

    @classmethod
    def of(cls, told: Json) -> Self:
        return cls(told["name"], told["to"], told["step"], told["code"])

    @classmethod
    def all_of(cls, report: Json) -> tuple[Self, ...]:
        """Those of a report; none where it tells of none."""
        return tuple(map(cls.of, report.get("failures", ())))


@dataclass(frozen=True, slots=True)
class Release(Part):
    """What the repositories are bound to. pinned: they hide later releases; `newest`: empty where not known."""

    in_use: str
    newest: str
    pinned: bool

    @property
    def behind(self) -> bool:
        """Not proven to be the newest."""
        return self.pinned and self.newest != self.in_use


@dataclass(frozen=True, slots=True)
class System(Part):
    """The operating system, by its own names. release: None where the host tells of none."""

    id: str
    version: str
    name: str
    release: Release | None = None

    @classmethod
    def of(cls, told: Json) -> Self:
        release = Release(**told["release"]) if "release" in told else None
        return cls(told["id"], told["version"], told["name"], release)


@dataclass(frozen=True, slots=True)
class Withheld(Part):
    """Updates that the host itself keeps back, and the window would not; None: cannot be told. `names` may be cut."""

    total: int | None
    security: int | None
    names: Texts

    @classmethod
    def of(cls, told: Json) -> Self:
        return cls(told["total"], told["security"], tuple(told["names"]))


@cache
def _keys(part: Any) -> list[tuple[str, str]]:
    """(attribute, key) of each field that JSON knows."""
    names = (one.name for one in fields(part) if one.name != "lengths")
    return [(name, _KEYS.get(name, name)) for name in names]


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return value.to_json() if isinstance(value, Part) else value
