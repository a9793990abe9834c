"""The exception workflow as a table: every move, whose turn it is, and what is recorded."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import TextChoices


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
    """Whose move it is, how the state looks (good|busy|needs|bad|unknown), whom entering it tells, where it may go.

    `tells` names requester, approvers (who could decide it) and deciders (who did); never the person who moves it.
    """

    owner: str
    meaning: str
    tells: tuple[str, ...] = ()
    moves: tuple[ExceptionState, ...] = ()


S = ExceptionState
STATES: dict[ExceptionState, Facts] = {
    # A draft lives only inside the transaction that submits it.
    S.DRAFT: Facts("requester", "unknown", (), (S.SUBMITTED,)),
    S.SUBMITTED: Facts(
        "approver", "needs", ("approvers",), (S.APPROVED, S.REJECTED, S.WITHDRAWN, S.RETURNED)
    ),
    S.RETURNED: Facts("requester", "needs", ("requester",), (S.SUBMITTED, S.WITHDRAWN)),
    S.APPROVED: Facts("clock", "busy", ("requester",), (S.ACTIVE, S.EXPIRED, S.REVOKED)),
    S.ACTIVE: Facts("clock", "busy", ("requester",), (S.EXPIRED, S.REVOKED)),
    S.EXPIRED: Facts("nobody", "unknown", ("requester",)),
    S.REVOKED: Facts("nobody", "unknown", ("requester", "deciders")),
    S.REJECTED: Facts("nobody", "bad", ("requester",)),
    S.WITHDRAWN: Facts("nobody", "unknown", ("approvers",)),
}
IN_FORCE = (S.APPROVED, S.ACTIVE)
