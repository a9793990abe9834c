"""Lines that the database writes: as Python writes them, within the same bounds, and nothing stays behind."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, FloatField, Func, TextField, Value

from portal.access.models import User
from portal.audit.models import AuditEvent
from portal.web.csv_copy import Copied, looked_up, moment_cell, text_cell
from portal.web.csv_export import csv_lines
from tests import cast

TEXTS = ("=1+1", "  =1", "-2", "@x", "\t=1", "\r=1", "\n=1", "'=1", "a,b", 'say "x"', "two\nlines", "a\\b", "", "\\.",
         "ü")  # fmt: skip

PAGE_OF_POSTGRES = 10_000  # characters of a row that leaves the server at once


def people(*names: str) -> Any:
    for name in names:
        User.objects.create(username=f"u{User.objects.count()}", first_name=name)
    return User.objects.order_by("pk")


@pytest.mark.django_db
def test_text_is_written_as_python_writes_it() -> None:
    rows = people(*TEXTS)
    written = csv_lines(["key", "name"], Copied(rows.values_list("pk", text_cell("first_name"))))
    assert "".join(written) == "".join(csv_lines(["key", "name"], rows.values_list("pk", "first_name")))


@pytest.mark.django_db
def test_instants_are_told_to_the_second_in_utc() -> None:
    rows = people("Ana", "Bo")
    rows.filter(first_name="Bo").update(last_login=cast.NOW.replace(microsecond=999_999))
    written = csv_lines(["key", "at"], Copied(rows.values_list("pk", moment_cell("last_login"))))
    assert "".join(written) == "".join(csv_lines(["key", "at"], rows.values_list("pk", "last_login")))


@pytest.mark.django_db
def test_a_key_that_the_mapping_does_not_know_has_no_word() -> None:
    rows = people("ana", "bo")
    said = looked_up({"ana": "Ana, owner"}, F("first_name"))
    assert list(rows.values_list(said, flat=True)) == ["Ana, owner", ""]


@pytest.mark.django_db
def test_no_rows_are_a_header_alone() -> None:
    assert list(csv_lines(["n"], Copied(User.objects.none().values_list("pk")))) == ["n\r\n"]


def slowly(seconds: float) -> Any:
    """Each row takes so long."""
    sleep = Func(Value(seconds, output_field=FloatField()), function="pg_sleep", output_field=TextField())
    wide = Func(Value("x"), Value(PAGE_OF_POSTGRES), function="REPEAT", output_field=TextField())
    return Copied(User.objects.order_by("pk").values_list("pk", sleep, wide))


@pytest.mark.django_db(transaction=True)
def test_a_statement_ends_with_the_time_of_the_file(settings: Any) -> None:
    people("Ana")
    settings.EXPORT_SECONDS, began = 0.5, time.monotonic()
    assert "INCOMPLETE: it took longer than 0.5 seconds." in "".join(csv_lines(["n"], slowly(60)))
    assert time.monotonic() - began < 5
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.mark.django_db(transaction=True)
def test_whoever_stops_reading_ends_the_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.web.csv_export.ROWS_PER_CHUNK", 1)
    people("Ana", "Bo", "Cy")
    lines, began = csv_lines(["n"], iter(slowly(0.5))), time.monotonic()
    assert next(lines).startswith("n\r\n")
    lines.close()  # type: ignore[attr-defined]
    assert not connection.in_atomic_block
    assert AuditEvent.objects.count() == 0  # the connection answers at once
    assert time.monotonic() - began < 1.4
