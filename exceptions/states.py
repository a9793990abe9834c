"""The exception workflow as a table: every move, whose turn it is, and what is recorded."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import TextChoices

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


@dataclass(frozen=True)
class Facts:
    """Whose move it is, how the state looks, whom entering it tells, where it may go.

    `tells` names requester, approvers (who could decide it) and deciders (who did); never the person who moves it.
    """

    owner: str
    tone: Tone
    tells: tuple[str, ...] = ()
    moves: tuple[ExceptionState, ...] = ()


S = ExceptionState
STATES: dict[ExceptionState, Facts] = {
    # A draft lives only inside the transaction that submits it.
    S.DRAFT: Facts("requester", Tone.UNKNOWN, (), (S.SUBMITTED,)),
    S.SUBMITTED: Facts(
        "approver", Tone.ATTENTION, ("approvers",), (S.APPROVED, S.REJECTED, S.WITHDRAWN, S.RETURNED)
    ),
    S.RETURNED: Facts("requester", Tone.ATTENTION, ("requester",), (S.SUBMITTED, S.WITHDRAWN)),
    S.APPROVED: Facts("clock", Tone.ACTIVE, ("requester",), (S.ACTIVE, S.EXPIRED, S.REVOKED)),
    S.ACTIVE: Facts("clock", Tone.ACTIVE, ("requester",), (S.EXPIRED, S.REVOKED)),
    S.EXPIRED: Facts("nobody", Tone.UNKNOWN, ("requester",)),
    S.REVOKED: Facts("nobody", Tone.UNKNOWN, ("requester", "deciders")),
    S.REJECTED: Facts("nobody", Tone.DANGER, ("requester",)),
    S.WITHDRAWN: Facts("nobody", Tone.UNKNOWN, ("approvers",)),
}
IN_FORCE = (S.APPROVED, S.ACTIVE)
