"""Brings one run closer to its end: a list of phases, each from the rows. Safe to repeat, late, or after a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aws.ports import Cloud
from patching.engine import (
    closing,
    collect,
    power,
    power_down,
    power_watch,
    requirements,
    rescan,
    rollout,
    run_state,
    run_tags,
    send,
    waves,
)
from patching.engine.permissions import Noted, Watched
from patching.engine.scope import Scope
from patching.engine.trouble import guarded
from patching.operations import hindrances
from patching.operations.power import OPEN as OPEN_HOLDS
from patching.queries.outline import Outline, outline
from patching.states import (
    DISPATCH_IN_FLIGHT,
    IN_FLIGHT,
    RUN_OVER,
    TARGET_OVER,
    WAVE_OVER,
    HoldState,
    RunState,
)
from patching.states import TargetState as T
from portal.clock import Clock


@dataclass(frozen=True)
class Phase:
    """`act` commits by itself and leaves rows to go on from; it may return when the run shall be due again."""

    act: Callable[[Scope], datetime | None]
    has_work: Callable[[Outline], bool]

    @property
    def name(self) -> str:
        return self.act.__name__


def reconcile_run(run_id: int, *, cloud: Cloud, clock: Clock) -> datetime | None:
    """One pass over all phases. Returns when the run is due again: the earliest time that a phase asked for.

    What ends the work itself (time, lease, database) ends it at once. None: the run is over.
    """
    seen, noted = outline(run_id, now=clock()), Noted()
    scope = Scope(run=seen.run, cloud=Watched(cloud, noted), clock=clock, noted=noted)
    asked: list[datetime | None] = []
    for phase in phases(seen):
        answers = noted.answers
        if seen.run.state not in RUN_OVER and phase.has_work(seen):
            asked.append(_reconcile_phase(phase, scope))
            if noted.answers > answers:
                _end_hindrance(phase, scope, seen)
            seen = outline(run_id, now=clock())
            scope = scope.reread(seen.run)
        elif phase.name in seen.hindrances:
            _end_hindrance(phase, scope, seen)
    requirements.settle_missing(scope, seen)
    return None if seen.run.state in RUN_OVER else min(filter(None, asked), default=None)


def phases(seen: Outline) -> tuple[Phase, ...]:
    return FIRST if seen.run.state == RunState.PLANNED else PHASES


def _reconcile_phase(phase: Phase, scope: Scope) -> datetime | None:
    with guarded(scope, phase.name):
        return phase.act(scope)
    return scope.soon()


def _end_hindrance(phase: Phase, scope: Scope, seen: Outline) -> None:
    """What a phase was refused is over once AWS answered it and refused nothing, or it has nothing left to do."""
    if phase.name in seen.hindrances:
        hindrances.end(scope.run, [phase.name], seen_before=seen.now, now=scope.now())


def _power_is_held(seen: Outline) -> bool:
    return not seen.holds.isdisjoint(OPEN_HOLDS) or seen.scheduler_held


def _is_over(seen: Outline) -> bool:
    return seen.targets <= TARGET_OVER


def _is_at_its_tail(seen: Outline) -> bool:
    """Some are over, and all that was let in has been sent: what is left are answers that are waited for."""
    sent = not seen.targets & TO_BE_SENT and bool(seen.targets & IN_FLIGHT)
    return sent and bool(seen.targets & TARGET_OVER)


TO_BE_SENT = frozenset({T.PLANNED, T.WAKING, T.CHECKING, T.READY})
TRIAL = Phase(requirements.try_requirements, requirements.due)
FIRST = (TRIAL, Phase(run_state.begin, lambda seen: True))
# In their order, each with the question whether there is anything for it to do.
PHASES: tuple[Phase, ...] = (
    TRIAL,
    Phase(send.recover_dispatches, lambda seen: bool(seen.dispatches & DISPATCH_IN_FLIGHT)),
    Phase(collect.collect_results, lambda seen: bool(seen.dispatches & DISPATCH_IN_FLIGHT)),
    Phase(power.hold_hosts, lambda seen: T.PLANNED in seen.targets and seen.may_send),
    Phase(power.start_hosts, lambda seen: _power_is_held(seen) and seen.may_send),
    Phase(power_watch.watch_hosts, lambda seen: HoldState.STARTING in seen.holds),
    Phase(power_watch.expire_starts, lambda seen: HoldState.WANTED in seen.holds),
    Phase(waves.reconcile_waves, lambda seen: T.WAITING in seen.targets or bool(seen.waves - WAVE_OVER)),
    Phase(rollout.send_checks, lambda seen: T.CHECKING in seen.targets and seen.may_send),
    Phase(rollout.send_patches, lambda seen: T.READY in seen.targets and seen.may_send),
    Phase(rescan.send_rescans, lambda seen: T.VERIFYING in seen.targets),
    Phase(closing.enforce_deadlines, lambda seen: seen.now >= seen.run.cutoff_at),
    Phase(run_tags.remove_from_finished, _is_at_its_tail),
    Phase(run_tags.remove_run_tags, _is_over),
    Phase(power_down.power_down, lambda seen: _is_over(seen) and _power_is_held(seen)),
    Phase(closing.clean_up, _is_over),
    Phase(run_state.reconcile_state, lambda seen: True),
)
