"""What a field of the policy may be and how people read it: form, refusal, page, audit trail and docs ask here. Pure.

A field is declared once, in `RunPolicy`: `concurrency: int = asked(200, Number("Servers at a time", …))`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from patching.policy import waves
from portal.sentences import inside_a_sentence

ABOUT = "about"  # the key of a dataclass field's metadata
HOW, AROUND = "How it patches", "What is left out, and what runs around it"
WAY_BACK, FIRST = "A way back", "Who goes first"
Default = TypeVar("Default")


@dataclass(frozen=True, kw_only=True)
class PolicyField(ABC):
    """What every kind of field has. `label`, `help` and `card` are the form's, `term` and `beside` the pages'."""

    label: str
    help: str = ""
    card: str = (
        ""  # the form's card that asks for it; empty: set by whoever installs the portal, not on the form
    )
    wide: bool = False  # takes the form's whole width
    optional: bool = True  # an empty answer is the default
    term: str = ""  # the fact's name on pages; empty: the label
    told: str = "{}"  # a fact in which the value's words stand
    only_set: bool = True  # pages are silent about the default
    beside: str = ""  # pages tell it in the fact of this field, and only when that one is set
    mono: bool = False

    @abstractmethod
    def refusal(self, value: Any) -> str:
        """Why the value cannot be used, as a sentence that names the way out; empty when it can."""

    @abstractmethod
    def may_be(self) -> str:
        """The values that are taken, for the documentation."""

    def words(self, value: Any) -> str:
        return str(value)

    def lines(self, value: Any) -> tuple[str, ...]:
        """The value as a page shows it."""
        return (self.told.format(self.words(value)),)

    def change(self, old: Any, new: Any) -> str:
        """As the audit trail tells it."""
        return f"{self.label}: {self.words(old)} → {self.words(new)}"

    def written(self, value: Any) -> Any:
        """The value as a form shows it; `read` takes it back."""
        return value

    def read(self, text: str) -> Any:
        """The value that a person wrote into the form; raises ValueError with the sentence for them."""
        return text


@dataclass(frozen=True, kw_only=True)
class Choice(PolicyField):
    """One of a few values; `pages` says on pages more than the form's label of a value does."""

    choices: Mapping[str, str]
    pages: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    only_set: bool = False

    def refusal(self, value: Any) -> str:
        if isinstance(value, str) and value in self.choices:
            return ""
        return f"“{self.label}” is {value!r}; choose {' or '.join(self.choices)}."

    def may_be(self) -> str:
        return "; ".join(f"`{value}`: {self.words(value)}" for value in self.choices)

    def words(self, value: Any) -> str:
        return self.pages.get(value) or inside_a_sentence(self.choices.get(value, str(value)))


@dataclass(frozen=True, kw_only=True)
class Number(PolicyField):
    """A whole number from `low` to `high`, both allowed."""

    low: int
    high: int
    unit: str = ""
    units: str = ""  # of more than one; empty: the same
    optional: bool = False
    only_set: bool = False

    def refusal(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return ""
        return f"“{self.label}” is {str(value)[:60]}; choose {self.may_be()}."

    def may_be(self) -> str:
        return f"{self.low:,} to {self.high:,}"

    def words(self, value: Any) -> str:
        unit = self.unit if value == 1 else self.units or self.unit
        return f"{value:,} {unit}".strip() if isinstance(value, int) else str(value)


@dataclass(frozen=True, kw_only=True)
class Flag(PolicyField):
    """Yes or no."""

    def refusal(self, value: Any) -> str:
        return "" if isinstance(value, bool) else f"“{self.label}” is {value!r}; choose true or false."

    def may_be(self) -> str:
        return "yes or no"

    def words(self, value: Any) -> str:
        return "yes" if value else "no"


@dataclass(frozen=True, kw_only=True)
class Text(PolicyField):
    """A line, or `rows` of them, that matches the pattern; `shape` says the pattern in words."""

    pattern: str
    shape: str
    longest: int  # characters that the form takes
    rows: int = 0
    listed: bool = False  # words between commas, spaces or lines, of which each counts once

    def refusal(self, value: Any) -> str:
        if isinstance(value, str) and re.fullmatch(self.pattern, value):
            return ""
        return f"“{self.label}” cannot be {str(value)[:60]!r}. Write {self.shape}."

    def may_be(self) -> str:
        return self.shape

    def words(self, value: Any) -> str:
        return str(value) or "nothing"

    def read(self, text: str) -> str:
        return ",".join(dict.fromkeys(text.replace(",", " ").split())) if self.listed else text


@dataclass(frozen=True, kw_only=True)
class Names(PolicyField):
    """Names, one a line, at most `most`."""

    pattern: str
    one: str  # what each is the name of
    shape: str
    most: int
    longest: int
    rows: int = 2

    def refusal(self, value: Any) -> str:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return f"“{self.label}” is {value!r}; give a list of names."
        for name in value:
            if not isinstance(name, str) or not re.fullmatch(self.pattern, name):
                return f"“{self.label}”: {str(name)[:60]!r} is not the name of {self.one}: {self.shape}"
        return (
            ""
            if len(value) <= self.most
            else f"“{self.label}” has {len(value)} names; give up to {self.most}."
        )

    def may_be(self) -> str:
        return f"up to {self.most} names, each {self.shape}"

    def words(self, value: Any) -> str:
        return ", ".join(value) or "nothing"

    def written(self, value: Any) -> str:
        return "\n".join(value)

    def read(self, text: str) -> list[str]:
        return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


@dataclass(frozen=True, kw_only=True)
class Waves(PolicyField):
    """Who goes first: rules as `patching.policy.waves` reads and writes them, stored as JSON."""

    longest: int
    rows: int = 4

    def refusal(self, value: Any) -> str:
        try:
            waves.parse(waves.words(self._rules(value)))
        except TypeError:
            return f"“{self.label}” is {str(value)[:60]!r}; give a list of rules."
        except waves.WaveRefused as refusal:
            return str(refusal)
        return ""

    def may_be(self) -> str:
        return f"up to {waves.MOST_WAVES} lines like {waves.EXAMPLE}"

    def words(self, value: Any) -> str:
        return "; ".join(rule.words for rule in self._rules(value)) or "nothing"

    def lines(self, value: Any) -> tuple[str, ...]:
        return (*(rule.words for rule in self._rules(value)), "then the rest")

    def written(self, value: Any) -> str:
        return waves.words(self._rules(value))

    def read(self, text: str) -> list[dict[str, Any]]:
        return [rule.to_json() for rule in waves.parse(text)]

    @staticmethod
    def _rules(value: Any) -> list[waves.WaveRule]:
        return [waves.WaveRule.from_json(rule) for rule in value]


def asked(default: Default, about: PolicyField) -> Default:
    """A field of the policy. It answers with the dataclass's field, and types as its default."""
    made: Default = field(default=default, metadata={ABOUT: about})
    return made


def about(policy: Any) -> dict[str, PolicyField]:
    """Name → what there is to know of each field of a policy or its class, in the order that people read them."""
    return {one.name: one.metadata[ABOUT] for one in fields(policy)}


@dataclass(frozen=True)
class Fact:
    """One line of how a window patches, as its pages show it."""

    term: str
    lines: tuple[str, ...]
    mono: bool


def facts(policy: Any, *, without: Container[str] = ()) -> Iterator[Fact]:
    """What the pages tell of a policy: everything that the form asks, except what was left as silent default.

    `without`: fields that the page tells elsewhere.
    """
    for name, one in about(policy).items():
        if (
            name not in without
            and one.card
            and not one.beside
            and not (one.only_set and not is_set(policy, name))
        ):
            *first, last = one.lines(getattr(policy, name))
            yield Fact(one.term or one.label, (*first, last + _besides(policy, name)), one.mono)


def _besides(policy: Any, parent: str) -> str:
    """The words of the fields that belong to another one's fact, while that one is set."""
    if not is_set(policy, parent):
        return ""
    added = {name: one for name, one in about(policy).items() if one.beside == parent}
    return "".join(
        one.told.format(one.words(getattr(policy, name)))
        for name, one in added.items()
        if not one.only_set or is_set(policy, name)
    )


def is_set(policy: Any, name: str) -> bool:
    """Whether the value differs from the default; a list read from JSON is the same as the default's tuple."""
    value, default = getattr(policy, name), {one.name: one.default for one in fields(policy)}[name]
    return bool(plain(value) != plain(default))


def plain(value: Any) -> Any:
    """As JSON holds it."""
    return list(value) if isinstance(value, tuple) else value
