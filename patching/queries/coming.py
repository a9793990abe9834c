"""What is patched next: planned runs, and the next starts of windows whose run is not made yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from patching.models import Run, Window
from patching.states import RunState


@dataclass(frozen=True)
class Start:
    """One start to come: of `run` once it is made, before that of `window`. Exactly one of them is given."""

    at: datetime
    source: Run | Window

    @property
    def run(self) -> Run | None:
        return self.source if isinstance(self.source, Run) else None

    @property
    def window_id(self) -> int | None:
        return self.run.window_id if self.run else self.source.pk

    @property
    def address(self) -> str:
        """The page of the run, or of the plan by which the window would patch."""
        if isinstance(self.source, Window):
            return reverse("patching:plan", args=[self.source.slug])
        return reverse("patching:run", args=[self.source.pk])


def coming(runs: Iterable[Run], windows: Iterable[Window], now: datetime) -> list[Start]:
    """The soonest first, each start once; `runs` and `windows` are those that the reader may see.

    Only of planned runs the start is to come.
    """
    planned = [Start(run.starts_at, run) for run in runs if run.state == RunState.PLANNED]
    made = {(start.window_id, start.at) for start in planned}
    offered = [Start(window.recurrence.next(now, 1)[0], window) for window in windows if window.active]
    unmade = [start for start in offered if (start.window_id, start.at) not in made]
    return sorted([*planned, *unmade], key=lambda start: start.at)
