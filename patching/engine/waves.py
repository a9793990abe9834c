"""One wave after the other: the next one opens when the one before has passed its errors, its wait and its gates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db.models import Q

from aws.ports import Cloud
from patching.engine import gates
from patching.engine.telling import tell_once
from patching.models import Run, Wave
from patching.operations import runs, waves
from patching.standing import FAILED_VERDICTS, outcomes_that
from patching.states import TARGET_OPEN, RunState, TargetState, WaveState

Clock = Callable[[], datetime]
BEGUN = {TargetState.READY, TargetState.IN_DISPATCH, TargetState.VERIFYING}


def turn(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """Brings the first open wave on, and lets the servers whose turn it is go to their check."""
    if run.state == RunState.HALTING:
        return
    number = 0
    for wave in run.waves.all():
        if wave.state != WaveState.PASSED:
            _step(run, wave, cloud=cloud, now=clock())
        if wave.state != WaveState.WAITING:
            number = wave.number
        if wave.state != WaveState.PASSED:
            break
    waves.admit(run, number, now=clock())


def _step(run: Run, wave: Wave, *, cloud: Cloud, now: datetime) -> None:
    if wave.state == WaveState.WAITING:
        waves.enter(wave, WaveState.CHECKING, now=now)
    if wave.state == WaveState.CHECKING and now >= run.starts_at and _begun(run, wave):
        waves.enter(wave, WaveState.RUNNING, now=now)
    if wave.state in {WaveState.CHECKING, WaveState.RUNNING} and not _open(run, wave):
        _end(run, wave, now=now)
    if wave.state == WaveState.BAKING:
        _bake(run, wave, cloud=cloud, now=now)


def _open(run: Run, wave: Wave) -> bool:
    return run.targets.filter(wave=wave.number, state__in=TARGET_OPEN).exists()


def _begun(run: Run, wave: Wave) -> bool:
    return run.targets.filter(wave=wave.number, state__in=BEGUN).exists()


def _end(run: Run, wave: Wave, *, now: datetime) -> None:
    """All its servers are over: too many errors stop the run, else it is watched for a while or has passed."""
    if not run.waves.filter(number__gt=wave.number).exists():
        waves.enter(wave, WaveState.PASSED, now=now)
    elif why := too_many_errors(run, wave):
        runs.halt(run=run, by=None, reason=why, now=now)
        wave.refresh_from_db()
    elif wave.wave_rule and wave.wave_rule.bake_s:
        waves.enter(wave, WaveState.BAKING, now=now)
    else:
        waves.enter(wave, WaveState.PASSED, now=now)


def _bake(run: Run, wave: Wave, *, cloud: Cloud, now: datetime) -> None:
    door = gates.door(run, cloud=cloud)
    if door.why and door.passing:
        tell_once(run, f"Wave {wave.number}, {wave.name}, is still watched. {door.why}")
    elif door.why:
        runs.halt(run=run, by=None, reason=f"After wave {wave.number}, {wave.name}: {door.why}", now=now)
        wave.refresh_from_db()
    elif wave.bakes_until is None or now >= wave.bakes_until:
        waves.enter(wave, WaveState.PASSED, now=now)


def too_many_errors(run: Run, wave: Wave, *, at_least: int = 1) -> str:
    """Why this wave stops the run; empty when it does not. A wave that proved nothing proves no good either."""
    rows = run.targets.filter(wave=wave.number)
    good = rows.filter(outcomes_that(lambda standing: standing.updated) | Q(reason_code="checked"))
    # few, and with an index of their own: asked at each look
    bad = rows.filter(verdict__in=FAILED_VERDICTS).count()
    if bad >= max(at_least, 1) and bad * 100 > (judged := good.count() + bad) * limit(run, wave):
        return (
            f"{bad} of {judged} servers of wave {wave.number}, {wave.name}, failed, "
            f"more than the {limit(run, wave)} % that are allowed."
        )
    if not _open(run, wave) and not good.exists() and rows.filter(state=TargetState.BLOCKED).exists():
        return f"No server of wave {wave.number}, {wave.name}, could be patched, so nothing is proven."
    return ""


def limit(run: Run, wave: Wave) -> int:
    """The share of failed servers, in percent, that this wave may have."""
    own = wave.wave_rule.stop_at_error_percent if wave.wave_rule else None
    return run.run_policy.stop_at_error_percent if own is None else own
