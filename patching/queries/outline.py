"""Where a run stands, in one query: enough to tell which steps of the engine have anything to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from patching.models import Run

# Asked several times a look: written out, it costs a tenth of what Django needs to put it together each time.
SQL = """
SELECT run.*,
    ARRAY(SELECT DISTINCT state FROM patching_target WHERE run_id = run.id) AS targets_in,
    ARRAY(SELECT DISTINCT state FROM patching_dispatch WHERE run_id = run.id) AS dispatches_in,
    ARRAY(SELECT DISTINCT state FROM patching_wave WHERE run_id = run.id) AS waves_in,
    ARRAY(SELECT DISTINCT state FROM patching_powerhold WHERE run_id = run.id) AS holds_in,
    EXISTS(
        SELECT FROM patching_schedulerhold WHERE run_id = run.id AND released_at IS NULL
    ) AS scheduler_held
FROM patching_run run WHERE run.id = %s
"""


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
    for run in Run.objects.raw(SQL, [run_id]):
        return Outline(
            run, now, frozenset(run.targets_in), frozenset(run.dispatches_in), frozenset(run.waves_in),
            frozenset(run.holds_in), run.scheduler_held,
        )  # fmt: skip
    raise Run.DoesNotExist(f"There is no run {run_id}.")
