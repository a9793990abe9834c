"""Which starts an exception's days would skip."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patching.queries.skipped import skipped_starts
from portal.inventory.models import Asset
from tests import cast
from tests.integration.patching.test_pages import NOW, browser, enrol

pytestmark = pytest.mark.django_db
FIRST = datetime(2026, 12, 5, 21, tzinfo=UTC)  # the window's next start; it lasts four hours


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def ask(person, *assets, method="get", **days):
    facts = {"ids": ",".join(str(asset.pk) for asset in assets), "from_date": "2026-12-05",
             "to_date": "2026-12-12", "time_zone": "Europe/Berlin"} | days  # fmt: skip
    return getattr(browser(person), method)(reverse("patching:skipped-starts"), facts)


@pytest.mark.parametrize(
    ("begins", "ends", "count"),
    [
        (FIRST, FIRST + timedelta(hours=1), 1),
        (FIRST + timedelta(hours=3, minutes=59), FIRST + timedelta(days=1), 1),
        (FIRST + timedelta(hours=4), FIRST + timedelta(days=1), 0),
        (FIRST - timedelta(days=1), FIRST, 0),
        (FIRST - timedelta(days=1), FIRST + timedelta(seconds=1), 1),
        (FIRST, FIRST + timedelta(days=28, hours=1), 5),
    ],
)
def test_a_start_counts_when_its_hours_overlap(begins, ends, count):
    window, asset = cast.a_window(), cast.an_asset()
    enrol(window, asset)
    found = skipped_starts(Asset.objects.all(), begins, ends, now=NOW)
    assert sum(row.count for row in found) == count
    assert all(row.starts[0] == FIRST for row in found)


def test_a_start_that_is_over_is_not_skipped_any_more():
    """At 23:30 the run of 22:00 has begun: it was told as a start that today's days skip."""
    window, asset = cast.a_window(), cast.an_asset()
    enrol(window, asset)
    half_past = FIRST + timedelta(minutes=90)
    found = skipped_starts(
        Asset.objects.all(), FIRST - timedelta(hours=21), FIRST + timedelta(days=1), now=half_past
    )
    assert found == []
    with time_machine.travel(half_past, tick=False):
        seen = ask(cast.ana(), asset, to_date="2026-12-05").content.decode()
    assert "nothing to skip" in seen


@pytest.mark.parametrize("method", ["get", "post"])
def test_names_windows_servers_and_starts(method):
    window, retired = cast.a_window(name="Saturday production"), cast.a_window(active=False)
    inside, outside, stale = cast.an_asset(), cast.an_asset(), cast.an_asset()
    enrol(window, inside)
    enrol(retired, stale)
    seen = ask(cast.ana(), inside, outside, stale, method=method).content.decode()
    assert "<b>2 starts</b>" in seen
    assert "Saturday production" in seen
    assert "for 1 server " in seen
    assert "2026-12-05 21:00 UTC" in seen
    assert "nothing to skip" in ask(cast.ana(), outside, stale).content.decode()


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        ({"from_date": "2026-12-24"}, "is before the first"),
        ({"from_date": "soon"}, "Choose both days"),
        ({"from_date": "2026-02-31"}, "Choose both days"),
        ({"from_date": "2026-11-01"}, "is over already"),
        ({"to_date": "9999-12-31"}, "366 days at most"),
        ({"time_zone": "Mars/Base"}, "is not a time zone"),
        ({"time_zone": ""}, "Choose both days"),
    ],
)
def test_days_that_cannot_be_are_a_sentence(days, sentence):
    answer = ask(cast.ana(), cast.an_asset(), **days)
    assert (answer.status_code, sentence in answer.content.decode()) == (200, True)


def test_a_foreign_server_is_refused_and_not_named():
    foreign = cast.an_asset(application="intranet", name="secret-host")
    enrol(cast.a_window(name="Secret window"), foreign)
    seen = ask(cast.ana(), foreign).content.decode()
    assert "is not yours, or does not exist" in seen
    assert "ecret" not in seen


def test_costs_the_same_for_one_server_and_forty():
    window = cast.a_window()
    assets = [cast.an_asset() for _ in range(40)]
    enrol(window, *assets)
    client, address = browser(cast.ana()), reverse("patching:skipped-starts")
    days = {"from_date": "2026-12-05", "to_date": "2026-12-12", "time_zone": "Europe/Berlin"}
    counts = []
    for chosen in (assets[:1], assets):
        with CaptureQueriesContext(connection) as queries:
            client.get(address, days | {"ids": [asset.pk for asset in chosen]})
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12
