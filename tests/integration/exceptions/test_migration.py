"""Requests of a database from before fewer days could be granted: what was asked for is what stands there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from exceptions.invariants import broken
from exceptions.models import ExceptionRequest
from tests import cast
from tests.migrations import earlier, migrate

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def before() -> Iterator[Any]:
    with earlier("exceptions", "0002_guards") as models:
        yield models


def test_an_approval_from_before_granted_what_was_asked(before: Any) -> None:
    ana, bo = cast.ana(), cast.bo()
    request = before.get_model("exceptions", "ExceptionRequest").objects.create(
        state="active", from_date=date(2026, 12, 6), to_date=date(2026, 12, 7), time_zone="UTC", starts_at=cast.NOW,
        ends_at=cast.NOW.replace(day=8), category="audit", reason="Audit.", requested_by_id=ana.pk, created_at=cast.NOW,
    )  # fmt: skip
    approval = before.get_model("exceptions", "Approval")
    approval.objects.create(request=request, by_id=bo.pk, decision="approved", at=cast.NOW)
    migrate("exceptions", "0004_fewer_days_only")
    found = ExceptionRequest.objects.get()
    assert (found.asked_to_date, found.shortened) == (date(2026, 12, 7), False)
    assert list(broken()) == []
