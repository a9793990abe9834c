"""I9, and the part of I1 that exceptions know: who approved what, and what held when. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from django.db.models import Exists, F, Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from exceptions.models import Approval, Covered, ExceptionRequest
from exceptions.rules import LONGEST_DAYS
from exceptions.states import GRANTED, ExceptionState
from portal.access.models import Grant
from portal.access.states import Role
from portal.audit.models import AuditEvent

Row = TypeVar("Row", bound=Model)
APPROVED, REVOKED = ExceptionState.APPROVED.value, ExceptionState.REVOKED.value


@dataclass(frozen=True)
class BrokenException:
    """One broken promise of one exception."""

    invariant: str
    request_id: int
    sentence: str


def in_force_at(rows: QuerySet[Row], *, asset: str, moment: str) -> QuerySet[Row]:
    """Those rows whose asset was excepted at their moment (both are field paths), by what was approved before it."""
    held = Covered.objects.filter(
        asset=OuterRef(asset), request__starts_at__lte=OuterRef(moment), request__ends_at__gt=OuterRef(moment)
    )
    approved = Approval.objects.filter(
        request=OuterRef("request"), decision=APPROVED, at__lt=OuterRef(OuterRef(moment))
    )
    revoked = Approval.objects.filter(
        request=OuterRef("request"), decision=REVOKED, at__lte=OuterRef(OuterRef(moment))
    )
    return rows.filter(Exists(held.filter(Exists(approved), ~Exists(revoked))))


def broken() -> Iterator[BrokenException]:
    """I9, of every exception that was ever granted."""
    yield from _own_requests()
    yield from _without_end()
    yield from _longer_than_granted()
    yield from _unapproved()
    yield from _by_whom_may_not()


def _own_requests() -> Iterator[BrokenException]:
    own = Approval.objects.filter(decision=APPROVED, by=F("request__requested_by"))
    for row in own.select_related("by"):
        yield BrokenException("I9", row.request_id, f"{row.by.display_name} approved their own request.")


def _without_end() -> Iterator[BrokenException]:
    longest = timedelta(days=LONGEST_DAYS + 1)  # a day of the clock change has 25 hours
    for row in ExceptionRequest.objects.filter(state__in=GRANTED, ends_at__gt=F("starts_at") + longest):
        yield BrokenException(
            "I9", row.pk, f"It lasts until {row.to_date:%-d %B %Y}, longer than {LONGEST_DAYS} days."
        )


def _longer_than_granted() -> Iterator[BrokenException]:
    """The latest approval tells its last day; those before 2026-11-30 granted what was asked for."""
    last = Approval.objects.filter(request=OuterRef("pk"), decision=APPROVED).order_by("-pk")
    rows = ExceptionRequest.objects.filter(state__in=GRANTED)
    rows = rows.annotate(granted=Coalesce(Subquery(last.values("granted_to_date")[:1]), "asked_to_date"))
    for row in rows.filter(to_date__gt=F("granted")):
        said = f"It lasts until {row.to_date:%-d %B %Y}, longer than the approval grants."
        yield BrokenException("I9", row.pk, said)


def _unapproved() -> Iterator[BrokenException]:
    approvals = Approval.objects.filter(request=OuterRef("pk"), decision=APPROVED)
    for row in ExceptionRequest.objects.filter(~Exists(approvals), state__in=GRANTED):
        yield BrokenException("I9", row.pk, f"It is {row.state}, and nobody approved it.")


def _by_whom_may_not() -> Iterator[BrokenException]:
    """Whoever holds no approver's role, and had none taken away since, could not approve then."""
    approvers = Grant.objects.filter(role=Role.APPROVER).values("user")
    for row in Approval.objects.filter(decision=APPROVED).exclude(by__in=approvers).select_related("by"):
        changed = AuditEvent.objects.filter(
            kind="person.revoked", subject_type="person", subject_id=str(row.by_id), at__gte=row.at
        )
        if not changed.exists():
            said = f"{row.by.display_name} approved it without being an approver."
            yield BrokenException("I9", row.request_id, said)
