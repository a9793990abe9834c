"""One server in one run."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class TargetState(TextChoices):
    PLANNED = "planned", "Planned"
    WAKING = "waking", "Starting"
    WAITING = "waiting", "Waiting for its turn"
    CHECKING = "checking", "Being checked"
    READY = "ready", "Ready"
    IN_DISPATCH = "in_dispatch", "Patching"
    VERIFYING = "verifying", "Verifying"
    DONE = "done", "Done"
    SKIPPED = "skipped", "Left out"
    BLOCKED = "blocked", "Check failed"
    LOST = "lost", "Lost"
    HALTED = "halted", "Halted before it was sent"


_T = TargetState
_OUT = (_T.SKIPPED, _T.HALTED)
# The ways back are an admin's (operations/control.py): a new attempt, from the start where it was never started.
TARGET_STATES: dict[TargetState, Facts[TargetState]] = {
    _T.PLANNED: Facts("engine", Tone.UNKNOWN, (_T.WAKING, _T.WAITING, *_OUT)),
    _T.WAKING: Facts("engine", Tone.ACTIVE, (_T.WAITING, _T.BLOCKED, *_OUT)),
    _T.WAITING: Facts("engine", Tone.UNKNOWN, (_T.CHECKING, *_OUT)),
    _T.CHECKING: Facts("engine", Tone.ACTIVE, (_T.READY, _T.WAITING, _T.BLOCKED, _T.LOST, *_OUT)),
    _T.READY: Facts("engine", Tone.UNKNOWN, (_T.IN_DISPATCH, _T.DONE, _T.BLOCKED, *_OUT)),
    # Restarts included: Systems Manager says InProgress of a command all through a restart that its script asked for.
    _T.IN_DISPATCH: Facts(
        "host", Tone.ACTIVE, (_T.VERIFYING, _T.DONE, _T.LOST, _T.READY, _T.BLOCKED, _T.SKIPPED)
    ),
    _T.VERIFYING: Facts("engine", Tone.ACTIVE, (_T.DONE, _T.LOST)),
    _T.DONE: Facts("nobody", Tone.SUCCESS, back=(_T.WAITING,)),
    _T.SKIPPED: Facts("nobody", Tone.UNKNOWN),
    _T.BLOCKED: Facts("owner", Tone.ATTENTION, back=(_T.WAITING, _T.PLANNED)),
    _T.LOST: Facts("admin", Tone.DANGER, back=(_T.WAITING,)),
    _T.HALTED: Facts("admin", Tone.ATTENTION),
}
# Made as skipped: whoever the plan leaves out.
TARGET = Machine(TARGET_STATES, TargetState.PLANNED, audit="target", born=[_T.SKIPPED], back_kind="retried")
TARGET_OVER, TARGET_OPEN = TARGET.over, TARGET.open
BEFORE_SENDING = TARGET.sources(TargetState.HALTED)
IN_FLIGHT = frozenset({TargetState.IN_DISPATCH, TargetState.VERIFYING})
