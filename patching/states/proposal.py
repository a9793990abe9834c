"""A proposal to mend for good what the pre-check meets again and again."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class ProposalState(TextChoices):
    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Being mended"
    DISMISSED = "dismissed", "Left as it is"


_P = ProposalState
# The ways back: an admin takes the decision back.
PROPOSAL_STATES: dict[ProposalState, Facts[ProposalState]] = {
    _P.OPEN: Facts("admin", Tone.ATTENTION, (_P.ACCEPTED, _P.DISMISSED), kind="proposed"),
    _P.ACCEPTED: Facts("admin", Tone.SUCCESS, back=(_P.OPEN,)),
    _P.DISMISSED: Facts("admin", Tone.UNKNOWN, back=(_P.OPEN,)),
}
PROPOSAL = Machine(PROPOSAL_STATES, ProposalState.OPEN, audit="fix", back_kind="reopened")
