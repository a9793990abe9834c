"""Where a run stands, in one query: enough to tell which steps of the engine have anything to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, QuerySet

from patching.models import Dispatch, PowerHold, Run, SchedulerHold, Target, Wave

LIVE = (
    "state",
    "cutoff_at",
    "ends_at",
    "swept_at",
    "reason",
)  # what others may change while a run is looked at


@dataclass(frozen=True)
class Outline:
    """A run as it is at `now`, with the states that occur among its parts."""

    run: Run
    now: datetime
    targets: frozenset[str]
    dispatches: frozenset[str]
    waves: frozenset[str]
    holds: frozenset[str]
    scheduler_held: bool


def outline(run_id: int, *, now: datetime) -> Outline:
    """Reads it anew. Raises Run.DoesNotExist."""
    run: Any = _outlined().get(pk=run_id)  # with the annotations beside its fields
    return Outline(
        run, now, frozenset(run.target_states), frozenset(run.dispatch_states),
        frozenset(run.wave_states), frozenset(run.hold_states), run.scheduler_held,
    )  # fmt: skip


@cache
def _outlined() -> QuerySet[Run]:
    """Built once: asked several times a look, it would else cost more than its answer."""
    held = SchedulerHold.objects.filter(run=OuterRef("pk"), released_at=None)
    return Run.objects.annotate(
        target_states=_states(Target.objects.all()), dispatch_states=_states(Dispatch.objects.all()),
        wave_states=_states(Wave.objects.all()), hold_states=_states(PowerHold.objects.all()),
        scheduler_held=Exists(held),
    )  # fmt: skip


def _states(
    rows: QuerySet[Target] | QuerySet[Dispatch] | QuerySet[Wave] | QuerySet[PowerHold],
) -> ArraySubquery:
    return ArraySubquery(
        rows.filter(run=OuterRef("pk")).order_by().values_list("state", flat=True).distinct()
    )
