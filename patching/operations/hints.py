"""What an event may change: when a run is due, and nothing else."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from django.db.models.functions import Least

from patching.models import Dispatch, Run
from patching.states import RUN_OVER, DispatchState


def make_due(command_ids: Set[str], *, now: datetime) -> set[int]:
    """Runs that wait for these commands are due now, results included; returns their ids. Foreign ids match nothing.

    Read from the commands in flight, which are few: no search in every command that there ever was.
    """
    if not command_ids:
        return set()
    waiting = Dispatch.objects.filter(state__in=[DispatchState.SENT, DispatchState.ADOPTED])
    rows = waiting.exclude(run__state__in=RUN_OVER).values_list("run_id", "command_ids")
    runs = {run_id for run_id, ids in rows if not command_ids.isdisjoint(ids)}
    Run.objects.filter(pk__in=runs).update(swept_at=None, next_look_at=Least("next_look_at", now))
    return runs
