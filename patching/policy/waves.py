"""Waves of a run: who goes first, how long to wait after it, and how many errors stop everything. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

MOST_WAVES = 20
LONGEST_BAKE_S = 12 * 3600
REST = "The rest"
_LINE = re.compile(
    r"^\s*(?:(?P<name>[^:=,%]{1,40}):)?\s*"
    r"(?:(?P<percent>\d{1,3})\s*%|(?P<count>\d{1,6})(?:\s+servers?)?|(?P<tag>[^=:]{1,128}?)\s*=\s*(?P<values>.+?))"
    r"\s*(?:[,;]?\s*then\s+wait\s+(?P<bake>\d{1,4})\s*min(?:utes?)?)?"
    r"\s*(?:[,;]?\s*stop\s+above\s+(?P<errors>\d{1,3})\s*%)?\s*$"
)
EXAMPLE = "`2 servers, then wait 30 min`, `10 %` or `Environment = test, dev`"


class WaveRefused(ValueError):
    """A line that does not describe a wave; the sentence names the line and shows what one looks like."""


@dataclass(frozen=True)
class WaveRule:
    """Takes `count` servers, `percent` of all, or those whose `tag` has one of `values`; exactly one of the three.

    After it the run waits `bake_s` seconds. `stop_at_error_percent` None: the policy's own figure.
    """

    name: str
    count: int | None = None
    percent: int | None = None
    tag: str = ""
    values: tuple[str, ...] = ()
    bake_s: int = 0
    stop_at_error_percent: int | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> WaveRule:
        return cls(**{**values, "values": tuple(values.get("values", ()))})

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "values": list(self.values)}

    @property
    def words(self) -> str:
        """The rule as a person writes it; `parse` reads it back."""
        text = self.take + (f", then wait {self.bake_s // 60} min" if self.bake_s else "")
        errors = self.stop_at_error_percent
        return text + (f", stop above {errors} %" if errors is not None else "")

    @property
    def take(self) -> str:
        if self.percent is not None:
            return f"{self.percent} %"
        if self.tag:
            return f"{self.tag} = {', '.join(self.values)}"
        return f"{self.count} server{'' if self.count == 1 else 's'}"


def parse(text: str) -> tuple[WaveRule, ...]:
    """One wave a line; empty lines do not count. Raises WaveRefused."""
    lines = [line for line in text.replace("\x00", "").splitlines() if line.strip()]
    if len(lines) > MOST_WAVES:
        raise WaveRefused(f"There are {len(lines)} waves; at most {MOST_WAVES} are allowed.")
    return tuple(_rule(number, line) for number, line in enumerate(lines, 1))


def _rule(number: int, line: str) -> WaveRule:
    found = _LINE.match(line)
    if not found:
        raise WaveRefused(f"Line {number}, {line.strip()[:60]!r}, does not describe a wave. Write {EXAMPLE}.")
    values = tuple(value.strip() for value in (found["values"] or "").split(",") if value.strip())
    rule = WaveRule(
        name=(found["name"] or ("Canary" if number == 1 else f"Wave {number}")).strip(),
        count=int(found["count"]) if found["count"] else None,
        percent=int(found["percent"]) if found["percent"] else None,
        tag=(found["tag"] or "").strip(),
        values=values,
        bake_s=int(found["bake"] or 0) * 60,
        stop_at_error_percent=int(found["errors"]) if found["errors"] else None,
    )
    _check(number, rule)
    return rule


def _check(number: int, rule: WaveRule) -> None:
    percents = [rule.percent, rule.stop_at_error_percent]
    if any(percent is not None and not 0 <= percent <= 100 for percent in percents) or rule.percent == 0:
        raise WaveRefused(f"Line {number}: a share lies between 1 and 100 %.")
    if rule.count == 0:
        raise WaveRefused(f"Line {number}: a wave of no servers proves nothing. Write 1 or more.")
    if rule.tag and not rule.values:
        raise WaveRefused(f"Line {number}: no value of the tag {rule.tag} is named. Write {EXAMPLE}.")
    if rule.bake_s > LONGEST_BAKE_S:
        raise WaveRefused(f"Line {number}: 720 minutes are the longest wait.")


def words(rules: Sequence[WaveRule]) -> str:
    """The rules as the text that `parse` reads."""
    return "\n".join(_named(number, rule) for number, rule in enumerate(rules, 1))


def _named(number: int, rule: WaveRule) -> str:
    usual = "Canary" if number == 1 else f"Wave {number}"
    return rule.words if rule.name == usual else f"{rule.name}: {rule.words}"
