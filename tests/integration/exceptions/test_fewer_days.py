"""A case may be granted for fewer days than asked, and what a decision lacks is marked."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from exceptions import operations
from exceptions.invariants import broken
from exceptions.models import Approval, ExceptionRequest
from exceptions.states import ExceptionState
from portal.access.rules import Invalid
from portal.audit.models import AuditEvent
from portal.notify.models import Notification
from portal.tags.models import TagChange
from tests import cast
from tests.integration.exceptions.cases import (
    NOW,
    asked,
    decide,
    granted,
    page,
    text,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def test_fewer_days_than_asked_are_granted_audited_tagged_and_told_to_the_asker() -> None:
    made = asked(cast.an_asset())
    answer = decide(made, "approve_until", until="2026-12-11", reason="The audit ends on Friday.")
    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.state, made.to_date, made.asked_to_date) == (
        "active",
        date(2026, 12, 11),
        date(2026, 12, 20),
    )
    assert made.ends_at == datetime.fromisoformat("2026-12-11T23:00:00+00:00")
    assert Approval.objects.get().granted_to_date == made.to_date
    said = "approved the exception until 11 December 2026, 9 days fewer than asked for: The audit ends on Friday."
    events = AuditEvent.objects.filter(kind="exception.approved", detail__said=said)
    assert set(events.values_list("subject_type", flat=True)) == {"exception", "asset"}
    assert Notification.objects.get(kind="exception.approved").sentence == f"Bo {said}"
    assert Notification.objects.get(kind="exception.approved").user == cast.ana()
    assert TagChange.objects.get().value == "2026-12-06T23:00Z/2026-12-11T23:00Z"
    assert "Asked for until 20 December 2026." in page(made)


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2026-12-21", "21 December 2026 is later than 20 December 2026, the last day that was asked for"),
        ("2026-12-08", "8 December 2026 is before 9 December 2026, the first day"),
        ("", "Choose the last day on which the servers stay unpatched"),
        ("soon", "Enter a valid date"),
    ],
)
def test_a_day_that_cannot_be_granted_is_marked_and_nothing_is_decided(until: str, words: str) -> None:
    made = asked(first=2)
    answer = decide(made, "approve_until", until=until, reason="Until then.")
    assert answer.status_code == 422
    assert words in text(answer)
    marked = re.findall(r'<input[^>]*name="until"[^>]*>', answer.content.decode())
    assert len(marked) == 1
    assert 'aria-invalid="true"' in marked[0]
    assert "Until then." in text(answer)
    made.refresh_from_db()
    assert made.state == ExceptionState.SUBMITTED
    assert not Approval.objects.exists()


def test_a_day_that_is_over_cannot_be_granted() -> None:
    made = asked()
    with pytest.raises(Invalid, match=r"9 December 2026 is over"):
        operations.approve(request=made, by=cast.bo(), until=date(2026, 12, 9), now=NOW + timedelta(days=3))


def test_the_typed_day_counts_only_with_its_own_button() -> None:
    made = asked()
    decide(made, "approve", until="2026-12-11")
    made.refresh_from_db()
    assert (made.to_date, made.shortened) == (date(2026, 12, 20), False)


def test_no_row_may_last_longer_than_asked_and_the_audit_finds_one_that_outlasts_its_approval() -> None:
    made = granted(asked(), until=date(2026, 12, 11))
    assert list(broken()) == []
    rows = ExceptionRequest.objects.filter(pk=made.pk)
    rows.update(to_date=date(2026, 12, 12))
    assert [(one.invariant, one.request_id) for one in broken()] == [("I9", made.pk)]
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(to_date=date(2026, 12, 21))


@pytest.mark.parametrize("act", ["reject", "return", "revoke"])
def test_the_missing_reason_is_marked(act: str) -> None:
    made = granted(asked()) if act == "revoke" else asked()
    answer = decide(made, act)
    assert answer.status_code == 422
    marked = re.findall(r'<textarea[^>]*name="reason"[^>]*>', answer.content.decode())
    assert len(marked) == 1
    assert 'aria-invalid="true"' in marked[0]
