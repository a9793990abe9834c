"""Targets as boards and tables show them: the same group in the database as in memory, worst first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, Q, QuerySet
from django.db.models.functions import Cast

from patching.models import Enrolment, Run, Target, Window
from patching.queries.runs import Progress, count_into
from patching.standing import group_of_row, rank_of_row
from patching.states import RUN_OVER, TARGET_OVER, RunState
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset


def with_group(targets: QuerySet[Target]) -> QuerySet[Any]:
    """Adds `group` (patching/standing.py) and `rank`, the place of the group, to each target."""
    return targets.annotate(group=group_of_row()).annotate(rank=rank_of_row())


def progress_by_run(runs: Iterable[Run], targets: QuerySet[Target]) -> dict[int, Progress]:
    """The counts of many runs in one grouped query; `targets` are those that the reader may see."""
    found = {run.pk: Progress() for run in runs}
    rows = (
        targets.filter(run__in=list(found))
        .order_by()
        .values("run_id", "state", "verdict", "behind")
        .annotate(n=Count("pk"))
    )
    for row in rows:
        count_into(found[row["run_id"]], (row["state"], row["verdict"], row["behind"]), row["n"])
    return found


def log_of(run: Run, targets: QuerySet[Target]) -> QuerySet[AuditEvent]:
    """The run's log, newest first: what concerns the run itself, and the servers among `targets`."""
    seen = targets.filter(run=run).annotate(subject=Cast("asset_id", CharField())).values("subject")
    events = AuditEvent.objects.filter(run_id=run.pk)
    own = events.filter(subject_type="run") | events.filter(subject_type="asset", subject_id__in=seen)
    return own.order_by("-pk")


def enrolled_counts(assets: QuerySet[Asset], *, offered: bool | None = None) -> dict[int, int]:
    """Window pk → how many of these assets are enrolled in it; of the windows on offer alone, or of retired ones."""
    active = Enrolment.objects.filter(ended_at=None, asset__in=assets.order_by().values("pk"))
    if offered is not None:
        active = active.filter(window__active=offered)
    return dict(active.order_by().values_list("window").annotate(n=Count("pk")))


def in_a_run(window: Window, now: datetime) -> list[Target]:
    """Unfinished targets, in runs that have begun, of the servers enrolled in the window."""
    return worked_on(Enrolment.objects.filter(window=window, ended_at=None).values("asset"), now)


def worked_on(assets: Any, now: datetime) -> list[Target]:
    """Unfinished targets, in runs that have begun, of these servers."""
    begun = ~Q(run__state=RunState.PLANNED) | Q(run__starts_at__lte=now)
    rows = Target.objects.filter(begun, asset__in=assets)
    rows = rows.exclude(run__state__in=RUN_OVER).exclude(state__in=TARGET_OVER)
    return list(rows.select_related("run").order_by("run_id", "pk"))
