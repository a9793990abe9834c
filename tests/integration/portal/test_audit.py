"""The audit trail can only grow, and never outlives a rollback."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from portal.audit.models import AuditEvent
from portal.audit.operations import Entry, record
from tests import cast

ENTRY = Entry("window.offered", "window", "1", "Offered the window Saturday night")


@pytest.mark.django_db
def test_events_are_never_changed_or_removed() -> None:
    record(ENTRY, by=cast.ada())
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        AuditEvent.objects.update(summary="Nothing happened")
    with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
        AuditEvent.objects.all().delete()
    assert AuditEvent.objects.get().summary == ENTRY.summary


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_refused() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record(ENTRY, by=None)
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db
def test_an_event_names_the_person_or_the_portal() -> None:
    record(ENTRY, by=cast.ada())
    record(ENTRY, by=None)
    assert list(AuditEvent.objects.order_by("pk").values_list("actor", flat=True)) == ["Ada", "Patch Portal"]
