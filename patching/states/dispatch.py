"""One SendCommand, from the commit before the call until its results are stored."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class DispatchState(TextChoices):
    CLAIMED = "claimed", "Claimed"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    UNKNOWN = "unknown", "Answer lost, looking for it"
    ADOPTED = "adopted", "Found again"
    COLLECTED = "collected", "Results stored"
    GIVEN_UP = "given_up", "Given up"


_D = DispatchState
DISPATCH_STATES: dict[DispatchState, Facts[DispatchState]] = {
    # It certainly never reached AWS, e.g. because AWS throttled the call: it waits for another send.
    _D.CLAIMED: Facts("engine", Tone.ACTIVE, (_D.SENDING, _D.GIVEN_UP)),
    # Adopted: while one worker still looks for the first send, another one sends again.
    _D.SENDING: Facts("engine", Tone.ACTIVE, (_D.SENT, _D.UNKNOWN, _D.CLAIMED, _D.ADOPTED, _D.GIVEN_UP)),
    # Sent: the answer came after all, when it had already been given up for lost.
    _D.UNKNOWN: Facts("engine", Tone.ATTENTION, (_D.ADOPTED, _D.SENT, _D.SENDING, _D.GIVEN_UP)),
    _D.SENT: Facts("engine", Tone.ACTIVE, (_D.COLLECTED, _D.GIVEN_UP)),
    _D.ADOPTED: Facts("engine", Tone.ACTIVE, (_D.COLLECTED, _D.GIVEN_UP)),
    _D.COLLECTED: Facts("nobody", Tone.SUCCESS),
    _D.GIVEN_UP: Facts("nobody", Tone.DANGER),
}
DISPATCH = Machine(DISPATCH_STATES, DispatchState.SENDING, audit="dispatch")
DISPATCH_IN_FLIGHT = DISPATCH.open
DISPATCH_UNSENT = frozenset(DISPATCH.sources(DispatchState.SENDING))
