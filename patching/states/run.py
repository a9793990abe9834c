"""One occurrence of a window: planned ahead, brought forward look by look."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class RunState(TextChoices):
    PLANNED = "planned", "Planned"
    WAKING = "waking", "Starting stopped servers"
    CHECKING = "checking", "Checking"
    PATCHING = "patching", "Patching"
    VERIFYING = "verifying", "Verifying"
    FINISHED = "finished", "Finished"
    MISSED = "missed", "Missed"
    HALTING = "halting", "Halting"
    HALTED = "halted", "Halted"
    CANCELLED = "cancelled", "Cancelled"


_R = RunState
RUN_STATES: dict[RunState, Facts[RunState]] = {
    _R.PLANNED: Facts("clock", Tone.UNKNOWN, (_R.WAKING, _R.MISSED, _R.CANCELLED, _R.HALTING)),
    _R.WAKING: Facts("engine", Tone.ACTIVE, (_R.CHECKING, _R.HALTING)),
    _R.CHECKING: Facts("engine", Tone.ACTIVE, (_R.PATCHING, _R.VERIFYING, _R.HALTING)),
    _R.PATCHING: Facts("engine", Tone.ACTIVE, (_R.VERIFYING, _R.HALTING)),
    _R.VERIFYING: Facts("engine", Tone.ACTIVE, (_R.FINISHED, _R.HALTING)),
    _R.HALTING: Facts("engine", Tone.ATTENTION, (_R.HALTED,)),
    _R.FINISHED: Facts("nobody", Tone.SUCCESS),
    _R.MISSED: Facts("nobody", Tone.DANGER),
    _R.HALTED: Facts("nobody", Tone.ATTENTION),
    _R.CANCELLED: Facts("nobody", Tone.UNKNOWN),
}
RUN = Machine(RUN_STATES, RunState.PLANNED, audit="run")
RUN_OVER = RUN.over
