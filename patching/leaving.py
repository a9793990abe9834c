"""What a person who leaves has under way among runs and windows: it goes on without them, and admins steer it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count
from django.urls import reverse

from patching.models import Enrolment
from patching.queries.runs import active
from patching.states import RunState
from portal.access.models import User
from portal.people.leaving import LeftOpen
from portal.sentences import counted

SHOWN = 20


def left_open(person: User) -> list[LeftOpen]:
    return [*_runs(person), *_windows(person)]


def _runs(person: User) -> Iterator[LeftOpen]:
    for run in active().filter(created_by=person)[:SHOWN]:
        state = RunState(run.state).label.lower()
        yield LeftOpen(
            f"Run {run.name}, which they started: {state}; it goes on", reverse("patching:run", args=[run.pk])
        )


def _windows(person: User) -> Iterator[LeftOpen]:
    rows = Enrolment.objects.filter(by=person, ended_at=None).values("window__slug", "window__name")
    for row in rows.annotate(servers=Count("pk")).order_by("window__name")[:SHOWN]:
        said = f"{row['window__name']}: they put {counted(row['servers'], 'server')} into it, which stay"
        yield LeftOpen(said, reverse("patching:window", args=[row["window__slug"]]))
