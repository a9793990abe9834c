"""An audit of runs: asked for by a person or the night, carried on by workers."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class AuditState(TextChoices):
    QUEUED = "queued", "Waiting to begin"
    RUNNING = "running", "Checking"
    DONE = "done", "Checked"
    FAILED = "failed", "Ended early"


_A = AuditState
# Done tells the admins where something was found.
AUDIT_STATES: dict[AuditState, Facts[AuditState]] = {
    _A.QUEUED: Facts("clock", Tone.UNKNOWN, (_A.RUNNING, _A.FAILED), kind="audit_asked"),
    _A.RUNNING: Facts("clock", Tone.ACTIVE, (_A.DONE, _A.FAILED), kind="audit_begun"),
    _A.DONE: Facts("nobody", Tone.SUCCESS, notifies=("admins",), kind="audited"),
    _A.FAILED: Facts("nobody", Tone.DANGER, notifies=("admins",), kind="audit_failed"),
}
AUDIT = Machine(AUDIT_STATES, AuditState.QUEUED, audit="runs")
AUDIT_OVER = AUDIT.over
