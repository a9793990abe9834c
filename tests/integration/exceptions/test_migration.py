"""Requests of a database from before fewer days could be granted: what was asked for is what stands there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from exceptions.invariants import broken
from exceptions.models import ExceptionRequest
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE, AFTER = "0002_guards", "0004_fewer_days_only"


def migrate(name: str) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate([("exceptions", name)])
    return executor.loader.project_state([("exceptions", name)]).apps


@pytest.fixture
def before() -> Iterator[Any]:
    yield migrate(BEFORE)
    migrate(AFTER)


def test_an_approval_from_before_granted_what_was_asked(before: Any) -> None:
    ana, bo = cast.ana(), cast.bo()
    request = before.get_model("exceptions", "ExceptionRequest").objects.create(
        state="active", from_date=date(2026, 12, 6), to_date=date(2026, 12, 7), time_zone="UTC", starts_at=cast.NOW,
        ends_at=cast.NOW.replace(day=8), category="audit", reason="Audit.", requested_by_id=ana.pk, created_at=cast.NOW,
    )  # fmt: skip
    approval = before.get_model("exceptions", "Approval")
    approval.objects.create(request=request, by_id=bo.pk, decision="approved", at=cast.NOW)
    migrate(AFTER)
    found = ExceptionRequest.objects.get()
    assert (found.asked_to_date, found.shortened) == (date(2026, 12, 7), False)
    assert list(broken()) == []
