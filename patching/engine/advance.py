"""Brings one run forward by one look. Re-entrant: it may be called twice, late, or after a crash, from any worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q

from aws.errors import CloudError
from aws.ports import Cloud
from patching.engine import collect, marks, power, release, rescan, rollout, send, waves
from patching.engine.rollout import undispatched
from patching.engine.telling import tell_once
from patching.models import Run
from patching.operations import results, runs, targets
from patching.operations.power import OPEN as OPEN_HOLDS
from patching.queries.outline import Outline, outline, target_states
from patching.queries.waking import wakes_at
from patching.states import (
    DISPATCH_IN_FLIGHT,
    RUN_OVER,
    TARGET_OVER,
    WAVE_OVER,
    Phase,
    RunState,
    TargetState,
)
from portal.tagging.writer import write_due
from portal.tags.queries import open_for_run

log = structlog.get_logger(__name__)
Clock = Callable[[], datetime]
T = TargetState


def advance(run_id: int, *, cloud: Cloud, clock: Clock) -> None:
    """One look at one run. Each step commits by itself and leaves rows that the next look continues from."""
    seen = outline(run_id, now=clock())
    if seen.run.state == RunState.PLANNED:
        begin(seen.run, clock())
        return
    for step, has_work in STEPS:
        if seen.run.state in RUN_OVER:
            return
        if has_work(seen):
            _guarded(step, seen.run, cloud=cloud, clock=clock)
            seen = outline(run_id, now=clock())
    move_on(seen.run, clock)


def _guarded(step: Callable[..., None], run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """An AWS refusal in one step is told in the run's log and never stops the other steps."""
    try:
        step(run, cloud=cloud, clock=clock)
    except CloudError as error:
        log.warning("step_refused", run=run.pk, step=step.__name__, error=str(error))
        tell_once(run, f"AWS: {error}")


def begin(run: Run, now: datetime) -> None:
    """Plans anew and enters waking at the lead time; after the cutoff nobody can begin any more."""
    with transaction.atomic():
        run = runs.lock(run)
        if run.state != RunState.PLANNED:
            return
        if now >= run.cutoff_at:
            reason = "Nobody looked at this run before its cutoff: the workers or beat were down."
            runs.enter(run, RunState.MISSED, now=now, reason=reason, summary=f"Missed: {reason}")
            waiting = run.targets.filter(state=T.PLANNED).values_list("pk", flat=True)
            targets.move(waiting, T.SKIPPED, now=now, code="missed", reason=reason)
            run.targets.update(cleaned_at=now)
        elif now >= wakes_at(run):
            plan = runs.replan(run, now=now)
            said = f"{plan.included} servers are prepared, {plan.left_out} are left out"
            runs.enter(run, RunState.WAKING, now=now, summary=said)


def look(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """First what is already out: lost answers, results, hosts that are starting."""
    send.recover(run, cloud=cloud, clock=clock)
    sweep_every = timedelta(seconds=run.run_policy.sweep_s)
    if run.swept_at is None or clock() >= run.swept_at + sweep_every:
        collect.sweep(run, cloud=cloud, clock=clock)


def wake(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    if run.state == RunState.HALTING:
        power.expire_wanted(run, now=clock())
        return
    power.wake(run, cloud=cloud, clock=clock)
    if power.waiting(run):
        write_due(cloud=cloud, now=clock())
        power.start(run, cloud=cloud, clock=clock)
        power.watch(run, cloud=cloud, clock=clock)
        power.expire_wanted(run, now=clock())


def expire(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """After the cutoff nothing waits any longer; after the end bound everything is closed with a reason."""
    now = clock()
    if now >= run.cutoff_at:
        waiting = run.targets.filter(
            Q(state__in=[T.PLANNED, T.WAKING, T.WAITING, T.READY])
            | Q(pk__in=undispatched(run, Phase.PRECHECK))
        )
        reason = "The window's cutoff came before its turn."
        targets.move(waiting.values_list("pk", flat=True), T.SKIPPED, now=now, code="cutoff", reason=reason)
    if now >= run.ends_at + timedelta(seconds=run.run_policy.end_bound_s):
        collect.write_off_all(run, now=now)
        for dispatch in run.dispatches.filter(state__in=DISPATCH_IN_FLIGHT):
            send.give_up(dispatch, "The window is over.", now=now)
        left = run.targets.exclude(state__in=TARGET_OVER).values_list("pk", flat=True)
        targets.move(
            left, T.LOST, now=now, code="end_bound", reason="No answer came until long after the window."
        )


def clean_up(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """Once every target is over: tags away, LastPatched, hosts that we started stopped again."""
    marks.unmark(run, now=clock())
    release.release(run, cloud=cloud, clock=clock)
    write_due(cloud=cloud, now=clock())
    if not open_for_run(run.pk).exists() and not power.waiting(run):
        run.targets.filter(cleaned_at=None).update(cleaned_at=clock())


def move_on(run: Run, clock: Clock) -> None:
    """The run's own state follows from its targets: asked again under the lock, as somebody may just have retried."""
    while next_state(run, now := clock()):
        with transaction.atomic():
            run = runs.lock(run)
            if not (to := next_state(run, now)):
                return
            if to in {RunState.FINISHED, RunState.HALTED}:
                results.remember_unpatched(run.pk)
            runs.enter(run, to, now=now, summary=f"{to.label}")


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


# Steps of a look in their order, each with the question whether there is anything for it to do.
STEPS: tuple[tuple[Callable[..., None], Callable[[Outline], bool]], ...] = (
    (look, lambda seen: bool(seen.dispatches & DISPATCH_IN_FLIGHT)),
    (
        wake,
        lambda seen: (
            T.PLANNED in seen.targets or not seen.holds.isdisjoint(OPEN_HOLDS) or seen.scheduler_held
        ),
    ),
    (waves.turn, lambda seen: T.WAITING in seen.targets or bool(seen.waves - WAVE_OVER)),
    (rollout.check, lambda seen: T.CHECKING in seen.targets),
    (rollout.patch, lambda seen: T.READY in seen.targets),
    (rescan.rescan, lambda seen: T.VERIFYING in seen.targets),
    (expire, lambda seen: seen.now >= seen.run.cutoff_at),
    (clean_up, lambda seen: seen.targets <= TARGET_OVER),
)
