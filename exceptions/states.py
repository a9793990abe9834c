"""The exception workflow as a table: every move, whose turn it is, whom it tells."""

from __future__ import annotations

from django.db.models import TextChoices

from portal.machine.table import Facts, Machine
from portal.tones import Tone


class ExceptionState(TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Waiting for approval"
    APPROVED = "approved", "Approved, not yet started"
    ACTIVE = "active", "In force"
    EXPIRED = "expired", "Expired"
    REVOKED = "revoked", "Revoked"
    REJECTED = "rejected", "Rejected"
    WITHDRAWN = "withdrawn", "Withdrawn"
    RETURNED = "returned", "Returned for rework"


_S = ExceptionState
# It tells the requester, the approvers (who could decide it) and the deciders (who did).
STATES: dict[ExceptionState, Facts[ExceptionState]] = {
    # A draft lives only inside the transaction that submits it.
    _S.DRAFT: Facts("requester", Tone.UNKNOWN, (_S.SUBMITTED,)),
    _S.SUBMITTED: Facts(
        "approver",
        Tone.ATTENTION,
        (_S.APPROVED, _S.REJECTED, _S.WITHDRAWN, _S.RETURNED),
        notifies=("approvers",),
    ),
    _S.RETURNED: Facts("requester", Tone.ATTENTION, (_S.SUBMITTED, _S.WITHDRAWN), notifies=("requester",)),
    _S.APPROVED: Facts("clock", Tone.ACTIVE, (_S.ACTIVE, _S.EXPIRED, _S.REVOKED), notifies=("requester",)),
    _S.ACTIVE: Facts("clock", Tone.ACTIVE, (_S.EXPIRED, _S.REVOKED), notifies=("requester",)),
    _S.EXPIRED: Facts("nobody", Tone.UNKNOWN, notifies=("requester",)),
    _S.REVOKED: Facts("nobody", Tone.UNKNOWN, notifies=("requester", "deciders")),
    _S.REJECTED: Facts("nobody", Tone.DANGER, notifies=("requester",)),
    _S.WITHDRAWN: Facts("nobody", Tone.UNKNOWN, notifies=("approvers",)),
}
EXCEPTION = Machine(STATES, ExceptionState.DRAFT, audit="exception")
IN_FORCE = (ExceptionState.APPROVED, ExceptionState.ACTIVE)
GRANTED = (*IN_FORCE, ExceptionState.EXPIRED, ExceptionState.REVOKED)
UNDECIDED = (ExceptionState.SUBMITTED, ExceptionState.RETURNED)
