"""One wave after the other: the next one opens when the one before has passed its errors, its wait and its gates."""

from __future__ import annotations

from django.db.models import Q

from patching.engine import gates
from patching.engine.scope import Scope
from patching.engine.trouble import record_trouble
from patching.models import Run, Wave
from patching.operations import runs, waves
from patching.standing import CHECKED, FAILED_VERDICTS, outcomes_that
from patching.states import TARGET_OPEN, TargetState, WaveState

BEGUN = {TargetState.READY, TargetState.IN_DISPATCH, TargetState.VERIFYING}


def reconcile_waves(scope: Scope) -> None:
    """Brings the first open wave on, and lets the servers whose turn it is go to their check."""
    if scope.halting:
        return
    number = 0
    for wave in scope.run.waves.all():
        if wave.state != WaveState.PASSED:
            _reconcile_wave(scope, wave)
        if wave.state != WaveState.WAITING:
            number = wave.number
        if wave.state != WaveState.PASSED:
            break
    waves.admit(scope.run, number, now=scope.now())


def _reconcile_wave(scope: Scope, wave: Wave) -> None:
    run, now = scope.run, scope.now()
    if wave.state == WaveState.WAITING:
        waves.enter(wave, WaveState.CHECKING, now=now)
    if wave.state == WaveState.CHECKING and now >= run.starts_at and _begun(run, wave):
        waves.enter(wave, WaveState.RUNNING, now=now)
    if wave.state in {WaveState.CHECKING, WaveState.RUNNING} and not _open(run, wave):
        _end(scope, wave)
    if wave.state == WaveState.BAKING:
        _bake(scope, wave)


def _open(run: Run, wave: Wave) -> bool:
    return run.targets.filter(wave=wave.number, state__in=TARGET_OPEN).exists()


def _begun(run: Run, wave: Wave) -> bool:
    return run.targets.filter(wave=wave.number, state__in=BEGUN).exists()


def _end(scope: Scope, wave: Wave) -> None:
    """All its servers are over: too many errors stop the run, else it is watched for a while or has passed."""
    run, now = scope.run, scope.now()
    if not run.waves.filter(number__gt=wave.number).exists():
        waves.enter(wave, WaveState.PASSED, now=now)
    elif why := too_many_errors(run, wave):
        runs.halt(run=run, by=None, reason=why, now=now)
        wave.refresh_from_db()
    elif wave.wave_rule and wave.wave_rule.bake_s:
        waves.enter(wave, WaveState.BAKING, now=now)
    else:
        waves.enter(wave, WaveState.PASSED, now=now)


def _bake(scope: Scope, wave: Wave) -> None:
    run, now = scope.run, scope.now()
    gate = gates.check_gates(scope)
    if gate.blocked and gate.transient:
        record_trouble(run, "wave", f"Wave {wave.number}, {wave.name}, is still watched. {gate.blocked}")
    elif gate.blocked:
        runs.halt(run=run, by=None, reason=f"After wave {wave.number}, {wave.name}: {gate.blocked}", now=now)
        wave.refresh_from_db()
    elif wave.bakes_until is None or now >= wave.bakes_until:
        waves.enter(wave, WaveState.PASSED, now=now)


def too_many_errors(run: Run, wave: Wave, *, at_least: int = 1) -> str:
    """Why this wave stops the run; empty when it does not. A wave that proved nothing proves no good either."""
    rows = run.targets.filter(wave=wave.number)
    good = rows.filter(outcomes_that(lambda standing: standing.updated) | Q(reason_code=CHECKED))
    # few, and with an index of their own: asked at each reconcile
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
