"""A stopped server that a run needs running: started for it, and stopped again after it."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class HoldState(TextChoices):
    WANTED = "wanted", "To be started"
    STARTING = "starting", "Starting"
    HELD = "held", "Running for the run"
    RELEASING = "releasing", "To be stopped"
    RELEASED = "released", "Stopped again"
    KEPT = "kept", "Left running"
    NOT_STOPPED = "not_stopped", "Could not be stopped"
    FAILED = "failed", "Could not be started"


_H = HoldState
# The ways back: its server is tried again. Held: it runs, but Systems Manager had not seen it in time.
HOLD_STATES: dict[HoldState, Facts[HoldState]] = {
    _H.WANTED: Facts("engine", Tone.UNKNOWN, (_H.STARTING, _H.HELD, _H.KEPT, _H.FAILED)),
    _H.STARTING: Facts("engine", Tone.ACTIVE, (_H.WANTED, _H.HELD, _H.RELEASING, _H.KEPT, _H.FAILED)),
    _H.HELD: Facts("engine", Tone.SUCCESS, (_H.RELEASING, _H.KEPT), back=(_H.STARTING,)),
    _H.RELEASING: Facts("engine", Tone.ACTIVE, (_H.RELEASED, _H.KEPT, _H.NOT_STOPPED)),
    _H.RELEASED: Facts("nobody", Tone.SUCCESS, back=(_H.WANTED,)),
    _H.KEPT: Facts("nobody", Tone.UNKNOWN, back=(_H.WANTED,)),
    # EC2 refused each try, so it is left running; operations/stops.py tells the admins, once for many.
    _H.NOT_STOPPED: Facts("nobody", Tone.DANGER, back=(_H.WANTED,)),
    _H.FAILED: Facts("nobody", Tone.DANGER, back=(_H.WANTED,)),
}
HOLD = Machine(HOLD_STATES, HoldState.WANTED, audit="power")
HOLD_OVER = HOLD.over
HOLD_OPEN = tuple(state for state in HoldState if state in HOLD.open)
