"""A root volume that becomes what it was at its snapshot."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class RestoreState(TextChoices):
    WANTED = "wanted", "Asked for"
    SENDING = "sending", "Being sent"
    RUNNING = "running", "Replacing the root volume"
    DONE = "done", "Restored"
    FAILED = "failed", "Failed"


_R = RestoreState
RESTORE_STATES: dict[RestoreState, Facts[RestoreState]] = {
    _R.WANTED: Facts("engine", Tone.UNKNOWN, (_R.SENDING,)),
    _R.SENDING: Facts("engine", Tone.ACTIVE, (_R.RUNNING, _R.FAILED)),
    _R.RUNNING: Facts("engine", Tone.ACTIVE, (_R.DONE, _R.FAILED)),
    _R.DONE: Facts("nobody", Tone.SUCCESS),
    _R.FAILED: Facts("nobody", Tone.DANGER),
}
RESTORE = Machine(RESTORE_STATES, RestoreState.WANTED, audit="restore")
RESTORE_OVER = RESTORE.over
