"""Where a run stands, in one query: enough to tell which steps of the engine have anything to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import TextChoices

from patching.models import Run
from patching.states import DispatchState, HoldState, TargetState, WaveState


def _states_in(table: str, states: type[TextChoices]) -> str:
    """One look-up in the index per state: DISTINCT would read every row of a fleet."""
    names = ", ".join(f"'{state}'" for state in states.values)
    one = f"SELECT FROM {table} part WHERE part.run_id = run.id AND part.state = known.state LIMIT 1"
    return f"ARRAY(SELECT state FROM unnest(ARRAY[{names}]) known(state) CROSS JOIN LATERAL ({one}) present)"


# Asked several times a look: written out, it costs a tenth of what Django needs to put it together each time.
OUTLINE = f"""
SELECT run.*, {_states_in("patching_target", TargetState)} AS targets_in,
    {_states_in("patching_dispatch", DispatchState)} AS dispatches_in,
    {_states_in("patching_wave", WaveState)} AS waves_in, {_states_in("patching_powerhold", HoldState)} AS holds_in,
    EXISTS(SELECT FROM patching_schedulerhold WHERE run_id = run.id AND released_at IS NULL) AS scheduler_held
FROM patching_run run WHERE run.id = %s"""
TARGET_STATES = f"SELECT {_states_in('patching_target', TargetState)} FROM patching_run run WHERE run.id = %s"


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
    for run in Run.objects.raw(OUTLINE, [run_id]):
        return Outline(
            run, now, frozenset(run.targets_in), frozenset(run.dispatches_in), frozenset(run.waves_in),
            frozenset(run.holds_in), run.scheduler_held,
        )  # fmt: skip
    raise Run.DoesNotExist(f"There is no run {run_id}.")


def target_states(run_id: int) -> set[str]:
    """The states that occur among a run's targets."""
    with connection.cursor() as cursor:
        cursor.execute(TARGET_STATES, [run_id])
        (found,) = cursor.fetchone()
    return set(found)
