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
    """Whose move it is, how the state looks (good|busy|needs|bad|unknown), and where it may go."""

    owner: str
    meaning: str
    moves: tuple[ExceptionState, ...] = ()


S = ExceptionState
STATES: dict[ExceptionState, Facts] = {
    S.DRAFT: Facts("requester", "unknown", (S.SUBMITTED, S.WITHDRAWN)),
    S.SUBMITTED: Facts("approver", "needs", (S.APPROVED, S.REJECTED, S.WITHDRAWN, S.RETURNED)),
    S.RETURNED: Facts("requester", "needs", (S.SUBMITTED, S.WITHDRAWN)),
    S.APPROVED: Facts("clock", "busy", (S.ACTIVE, S.EXPIRED, S.REVOKED)),
    S.ACTIVE: Facts("clock", "busy", (S.EXPIRED, S.REVOKED)),
    S.EXPIRED: Facts("nobody", "unknown"),
    S.REVOKED: Facts("nobody", "unknown"),
    S.REJECTED: Facts("nobody", "bad"),
    S.WITHDRAWN: Facts("nobody", "unknown"),
}
IN_FORCE = (S.APPROVED, S.ACTIVE)
