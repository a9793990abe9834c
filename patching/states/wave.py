"""A part of a run's servers: checked, patched and watched before the next part begins."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class WaveState(TextChoices):
    WAITING = "waiting", "Waiting"
    CHECKING = "checking", "Checking"
    RUNNING = "running", "Patching"
    BAKING = "baking", "Watched before the next"
    PASSED = "passed", "Passed"
    STOPPED = "stopped", "Stopped"


_W = WaveState
WAVE_STATES: dict[WaveState, Facts[WaveState]] = {
    _W.WAITING: Facts("engine", Tone.UNKNOWN, (_W.CHECKING, _W.STOPPED)),
    _W.CHECKING: Facts("engine", Tone.ACTIVE, (_W.RUNNING, _W.BAKING, _W.PASSED, _W.STOPPED)),
    _W.RUNNING: Facts("engine", Tone.ACTIVE, (_W.BAKING, _W.PASSED, _W.STOPPED)),
    _W.BAKING: Facts("engine", Tone.ATTENTION, (_W.PASSED, _W.STOPPED)),
    _W.PASSED: Facts("nobody", Tone.SUCCESS),
    _W.STOPPED: Facts("nobody", Tone.DANGER),
}
WAVE = Machine(WAVE_STATES, WaveState.WAITING, audit="wave")
WAVE_OVER = WAVE.over
