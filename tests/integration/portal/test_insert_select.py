"""Rows that the database makes from a query: each column is named, and the order is the query's."""

from __future__ import annotations

import pytest
from django.db.models import F, Value
from django.db.models.functions import Upper

from patching.models import Enrolment
from portal.audit.models import AuditEvent
from portal.audit.operations import EntryForEach, record_all
from portal.insert_select import insert_for_each
from portal.inventory.models import Asset
from tests import cast

pytestmark = pytest.mark.django_db


def columns() -> dict[str, object]:
    window, ana = cast.a_window(), cast.ana()
    return {"asset_id": F("pk"), "window_id": window.pk, "by_id": ana.pk, "since": cast.NOW, "ended_at": None}


def test_one_for_each_in_the_order_of_the_query() -> None:
    assets = [cast.an_asset(name=name) for name in ("b", "c", "a")]
    assert insert_for_each(Enrolment, Asset.objects.order_by("name"), columns()) == 3
    made = list(Enrolment.objects.order_by("pk"))
    assert [row.asset_id for row in made] == [assets[2].pk, assets[0].pk, assets[1].pk]
    assert {(row.since, row.ended_at) for row in made} == {(cast.NOW, None)}


def test_of_none_there_are_none() -> None:
    assert insert_for_each(Enrolment, Asset.objects.none(), columns()) == 0
    assert insert_for_each(Enrolment, Asset.objects.filter(name="nobody"), columns()) == 0


@pytest.mark.parametrize("change", [{"since": ...}, {"sinse": None}])
def test_a_column_that_is_missing_or_unknown_is_named(change: dict[str, object]) -> None:
    wanted = {name: value for name, value in (columns() | change).items() if value is not ...}
    with pytest.raises(TypeError, match=r"sin[cs]e"):
        insert_for_each(Enrolment, Asset.objects.all(), wanted)


def test_events_of_each_row_bear_its_key_and_the_databases_time() -> None:
    asset = cast.an_asset(name="it's % {0} \\ \x27")
    said = Upper(F("name"))
    record_all([EntryForEach(Asset.objects.all(), "asset.left", "asset", said, {"a": [1]})], by=cast.ana())
    event = AuditEvent.objects.get()
    assert (event.subject_id, event.actor, event.detail) == (str(asset.pk), "Ana", {"a": [1]})
    assert event.summary == asset.name.upper()
    assert event.at.year >= 2026


@pytest.mark.django_db(transaction=True)
def test_events_are_written_only_inside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="inside the transaction"):
        record_all([EntryForEach(Asset.objects.all(), "asset.left", "asset", Value("Left"))], by=None)
