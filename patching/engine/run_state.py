"""The run's own state follows from its targets; it is shown, and does not decide which phase may act."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from patching.engine.power_watch import look_at_sleepers
from patching.engine.scope import Scope
from patching.models import Run
from patching.operations import results, runs, targets
from patching.queries.outline import target_states
from patching.queries.waking import wakes_at
from patching.states import DISPATCH_IN_FLIGHT, RUN_OVER, TARGET_OVER, RunState
from patching.states import TargetState as T
from portal.sentences import counted

LONGEST_SLEEP = timedelta(seconds=60)  # of a planned run: its lead time may change


def begin(scope: Scope) -> datetime:
    """A planned run sleeps until its lead time; after the cutoff it cannot begin any more."""
    if wakes_at(scope.run) <= scope.now() < scope.run.cutoff_at:
        look_at_sleepers(scope)
    now = scope.now()
    with transaction.atomic():
        run = runs.lock(scope.run)
        if run.state == RunState.PLANNED:
            _begin(run, now)
    if run.state == RunState.PLANNED:
        return max(now + timedelta(seconds=1), min(wakes_at(run), now + LONGEST_SLEEP))
    return scope.soon()


def _begin(run: Run, now: datetime) -> None:
    """Plans anew and enters waking at the lead time; missed after the cutoff."""
    if now >= run.cutoff_at:
        reason = "No worker reached this run before its cutoff: the workers or beat were down."
        runs.enter(run, RunState.MISSED, now=now, reason=reason, summary=f"Missed: {reason}")
        waiting = run.targets.filter(state=T.PLANNED).values_list("pk", flat=True)
        targets.move(waiting, T.SKIPPED, now=now, code="missed", reason=reason)
        run.targets.filter(cleaned_at=None).update(cleaned_at=now)
    elif now >= wakes_at(run):
        plan = runs.replan(run, now=now)
        said = f"{counted(plan.included, 'server is,servers are')} prepared, {plan.excluded:,} left out"
        runs.enter(run, RunState.WAKING, now=now, summary=said)


def reconcile_state(scope: Scope) -> datetime:
    """Asked again under the lock, as somebody may just have retried."""
    while next_state(scope.run, now := scope.now()):
        with transaction.atomic():
            run = runs.lock(scope.run)
            scope = scope.reread(run)
            if not (to := next_state(run, now)):
                break
            if to in {RunState.FINISHED, RunState.HALTED}:
                results.remember_unpatched(run.pk)
            runs.enter(run, to, now=now, summary=f"{to.label}")
            if to in RUN_OVER:
                run.hindrances.filter(over_at=None).update(over_at=now)
    return scope.soon()


def next_state(run: Run, now: datetime) -> RunState | None:
    states = target_states(run.pk)
    over = states <= TARGET_OVER
    cleaned = over and not run.targets.filter(cleaned_at=None).exists()
    # A halt leaves pre-checks in flight: their answers are still read, or written off, before the run is over.
    cleaned = cleaned and not run.dispatches.filter(state__in=DISPATCH_IN_FLIGHT).exists()
    if run.state == RunState.WAKING:
        return RunState.CHECKING if not states & {T.PLANNED, T.WAKING} else None
    if run.state == RunState.CHECKING:
        return RunState.VERIFYING if over else _begin_patching(run, states, now)
    if run.state == RunState.PATCHING:
        return RunState.VERIFYING if over else None
    if run.state == RunState.VERIFYING:
        return RunState.FINISHED if cleaned else None
    return RunState.HALTED if run.state == RunState.HALTING and cleaned else None


def _begin_patching(run: Run, states: set[str], now: datetime) -> RunState | None:
    begun = now >= run.starts_at and not run.check_only and states & {T.READY, T.IN_DISPATCH, T.DONE}
    return RunState.PATCHING if begun else None
