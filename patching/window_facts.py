"""All that an admin says of a window: what the form makes, and what offering and changing one take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from patching.models import Window
from portal.audit.changes import sentence
from portal.calendar.recurrence import Recurrence

# What the form and the audit trail call them.
LABELS = {
    "name": "Name",
    "slug": "Tag value",
    "description": "For whom",
    "frequency": "How often",
    "weekday": "Day",
    "nth": "Which one of the month",
    "start_time": "Start",
    "time_zone": "Time zone",
    "duration_minutes": "Length in minutes",
    "cutoff_minutes": "Cutoff in minutes before the end",
    "active": "On offer",
}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
POSITIONS = {1: "First", 2: "Second", 3: "Third", 4: "Fourth", -1: "Last"}
FREQUENCIES = {"weekly": "Every week", "monthly": "Once a month"}


@dataclass(frozen=True, kw_only=True)
class WindowFacts:
    """Nothing here is checked yet; the operations do that. `policy` holds what differs from RunPolicy's defaults."""

    name: str
    schedule: Recurrence
    duration_minutes: int
    cutoff_minutes: int
    policy: Mapping[str, Any]
    description: str = ""
    slug: str = ""  # a new window's is made of its name, and one that exists keeps its own

    @classmethod
    def of(cls, window: Window) -> WindowFacts:
        return cls(
            name=window.name,
            schedule=window.recurrence,
            duration_minutes=window.duration_minutes,
            cutoff_minutes=window.cutoff_minutes,
            policy=window.policy,
            description=window.description,
            slug=window.slug,
        )

    def columns(self) -> dict[str, Any]:
        """As the table of windows keeps them."""
        return {
            "name": self.name,
            "slug": self.slug,
            "description": self.description,
            "frequency": self.schedule.frequency,
            "weekday": self.schedule.weekday,
            "nth": self.schedule.nth,
            "start_time": self.schedule.start,
            "time_zone": self.schedule.zone,
            "duration_minutes": self.duration_minutes,
            "cutoff_minutes": self.cutoff_minutes,
            "policy": dict(self.policy),
        }


def told_changes() -> dict[str, Callable[[Any, Any], str]]:
    """Field → its change as the audit trail tells it, given the old and the new value."""
    return {name: partial(_change, name) for name in LABELS}


def _change(name: str, old: Any, new: Any) -> str:
    words = _WORDS.get(name, {})
    return sentence(LABELS[name], [words.get(value, value) for value in (old, new)])


_WORDS: dict[str, Mapping[Any, str]] = {"frequency": FREQUENCIES, "nth": POSITIONS}
