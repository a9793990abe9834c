"""The audit trail can only grow, and never outlives a rollback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from portal.audit.models import AuditEvent
from portal.audit.operations import Entry, record
from portal.web.csv_export import csv_lines
from tests import cast

ENTRY = Entry("window.offered", "window", "1", "Offered the window Saturday night")


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_events_are_never_changed_or_removed() -> None:
    record(ENTRY, by=cast.ada())
    with pytest.raises(DatabaseError, match="never changed or removed"), transaction.atomic():
        AuditEvent.objects.update(summary="Nothing happened")
    with pytest.raises(DatabaseError, match="never changed or removed"), transaction.atomic():
        AuditEvent.objects.all().delete()
    with pytest.raises(DatabaseError, match="never changed or removed"), transaction.atomic():
        run("TRUNCATE audit_auditevent")
    assert AuditEvent.objects.get().summary == ENTRY.summary


@pytest.mark.django_db
def test_no_session_talks_the_guards_into_standing_aside() -> None:
    """pgtrigger's own triggers read this setting, which every role may set."""
    record(ENTRY, by=cast.ada())
    run("SELECT set_config('pgtrigger.ignore', array_agg(tgname)::text, true) FROM pg_trigger")
    with pytest.raises(DatabaseError, match="never changed or removed"), transaction.atomic():
        AuditEvent.objects.update(summary="Nothing happened")


@pytest.mark.django_db
def test_the_database_says_when_it_was() -> None:
    AuditEvent.objects.create(at=datetime(2020, 1, 1, tzinfo=UTC), actor="Ada", kind="window.offered",
                              subject_type="window", subject_id="1", summary="Long ago")  # fmt: skip
    assert timezone.now() - AuditEvent.objects.get().at < timedelta(minutes=1)


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


@pytest.mark.django_db
def test_the_file_says_what_the_page_says() -> None:
    told = ({}, {"changed": {"name": ["=a", 'b "c"\n'], "key": "changed"}}, {"changed": {}}, {"rows": 2},
            {"changed": {"hosts": [1, None]}, "said": {"hosts": "- none any more"}})  # fmt: skip
    for number, detail in enumerate(told):
        with transaction.atomic():
            summary = ("=1+1", "a, b", "plain")[number % 3]
            record(
                Entry("window.offered", "window", "-1", summary, run_id=number or None, detail=detail),
                by=cast.ada(),
            )  # type: ignore[arg-type]
    client = Client()
    client.force_login(cast.audrey())
    header, *lines = b"".join(client.get("/audit/events.csv")).decode().split("\r\n", 1)  # type: ignore[call-overload]
    events = AuditEvent.objects.exclude(kind="export.ended").order_by("-pk")
    cells = [(event.pk, event.at, event.actor, event.kind, event.subject_type, event.subject_id, event.run_id,
              event.summary, "; ".join(event.changes)) for event in events]  # fmt: skip
    assert lines == ["".join(csv_lines(header.split(","), cells)).split("\r\n", 1)[1]]
