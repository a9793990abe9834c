"""The package history of a server: filters, export, scope, and what stands there when there is nothing."""

from __future__ import annotations

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patching.models import PackageChange
from tests import cast
from tests.integration.patching.test_pages import NOW, a_run, browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def a_history(count: int = 3):
    """A server whose run updated packages: p0, p1 …, the first one a security update."""
    _, run = a_run()
    target = run.targets.order_by("pk").first()
    for number in range(count):
        PackageChange.objects.create(target=target, asset=target.asset, name=f"p{number}", arch="amd64", old="1.0",
                                     new="1.1", kind="upgrade", security=number == 0)  # fmt: skip
    PackageChange.objects.create(
        target=target, asset=target.asset, name="newcomer", new="2.0", kind="install"
    )
    return target


def seen(target, person=cast.ana, **query) -> str:
    answer = browser(person()).get(reverse("reports:packages", args=[target.asset_id]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_tells_old_and_new_with_the_run():
    target = a_history()
    text = seen(target)
    assert "Runs changed 4 packages here." in text
    assert "1.0 → 1.1" in text
    assert "not installed → 2.0" in text
    assert reverse("reports:run-report", args=[target.run_id]) in text


@pytest.mark.parametrize(
    ("query", "there", "gone"),
    [
        ({"q": "NEWC"}, "newcomer", "p1"),
        ({"kind": "install"}, "newcomer", "p1"),
        ({"security": "1"}, "p0", "newcomer"),
        ({"q": "1.1"}, "p1", "newcomer"),
    ],
)
def test_filters(query, there, gone):
    text = seen(a_history(), **query)
    assert f'<td class="name">{there}' in text
    assert f'<td class="name">{gone}' not in text


def test_a_run_filter_and_nonsense():
    target = a_history()
    assert "p0" in seen(target, run=str(target.run_id))
    for query in ({"run": "999999"}, {"kind": "odd"}, {"run": "x"}):
        assert "No package matches" in seen(target, **query)


def test_an_export_is_the_filtered_list():
    target = a_history()
    answer = browser(cast.ana()).get(
        reverse("reports:packages-csv", args=[target.asset_id]), {"security": "1"}
    )
    lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len(lines) == 2
    assert "p0,amd64,1.0,1.1,upgrade,yes" in lines[1]


def test_strangers_find_nothing():
    target = a_history()
    for name in ("packages", "packages-csv"):
        assert browser(cast.cy()).get(reverse(f"reports:{name}", args=[target.asset_id])).status_code == 404


def test_an_empty_history_says_so():
    asset = cast.an_asset()
    answer = browser(cast.ana()).get(reverse("reports:packages", args=[asset.pk]))
    assert "No package was changed here yet." in answer.content.decode()


def test_pages_cost_the_same_however_long_the_history_is():
    target = a_history(120)
    ana = browser(cast.ana())
    with CaptureQueriesContext(connection) as queries:
        ana.get(reverse("reports:packages", args=[target.asset_id]))
    assert len(queries) <= 11


def test_the_server_page_leads_there():
    target = a_history()
    text = browser(cast.ana()).get(reverse("reports:server", args=[target.asset_id])).content.decode()
    assert reverse("reports:packages", args=[target.asset_id]) in text
