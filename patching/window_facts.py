"""All that an admin says of a window: what the form makes, and what offering and changing one take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from patching.models import Window
from portal.calendar.recurrence import Recurrence


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
