"""The file of My servers, which the database writes, says of each server what its line on the page says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from exceptions.models import Covered, ExceptionRequest
from patching.models import AssetPatchState, Enrolment
from patching.standing import TABLE
from portal.inventory.models import Asset
from portal.inventory.states import Coverage
from portal.web.csv_export import csv_lines
from reports.filters import servers
from reports.queries.servers import rows_of
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW
OUTCOMES = [*TABLE, ("done", "of_a_later_version", False), ("of_a_later_one", "", False), ("", "", False)]
ODD = (
    "=1+1",
    " @SUM(A1)",
    "-2",
    "+x",
    "\t=1",
    'a "quoted" name',
    "a, b",
    "two\nlines",
    "back\\slash",
    "",
    "ü\u2028 ",
)
HEADER = (
    "server", "instance id", "account", "region", "application", "environment", "owner", "platform", "os",
    "state", "reason", "kernel running", "kernel before", "updates waiting", "window", "next run", "last patched",
)  # fmt: skip


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def expected(query: str = "") -> str:
    """Row by row, as the list shows them."""
    form, rows = servers(cast.ana(), QueryDict(query))
    shown = rows_of(rows.order_by("name", "pk"), form.windows, NOW)
    return "".join(csv_lines(HEADER, map(_cells, shown)))


def _cells(row: Any) -> tuple[Any, ...]:
    asset, patch = row.asset, getattr(row.asset, "patch_state", None)
    return (
        asset.label, asset.instance_id, asset.account.account_id, asset.region, asset.application,
        asset.environment, asset.owner, asset.platform, f"{asset.os_name} {asset.os_version}".strip(),
        row.label, row.why, row.kernel_to, row.kernel_from, row.updates,
        row.window.name if row.window else "", row.next_start, patch.last_patched_at if patch else None,
    )  # fmt: skip


def exported(query: str = "") -> str:
    client = Client()
    client.force_login(cast.ana())
    return b"".join(client.get(f"{reverse('reports:servers-csv')}?{query}")).decode()  # type: ignore[call-overload]


def excepted(asset: Asset, begins: int, ends: int, state: str) -> None:
    """For so many days from now."""
    days = {"starts_at": NOW + timedelta(days=begins), "ends_at": NOW + timedelta(days=ends)}
    last = days["ends_at"].date()
    request = ExceptionRequest.objects.create(
        state=state, from_date=days["starts_at"].date(), to_date=last, asked_to_date=last, time_zone="UTC", **days,
        category="release", reason="Release", requested_by=cast.ana(), created_at=NOW,
    )  # fmt: skip
    Covered.objects.create(request=request, asset=asset)


def patched(asset: Asset, outcome: tuple[str, str, bool], **facts: Any) -> None:
    state, verdict, behind = outcome
    AssetPatchState.objects.create(
        asset=asset, last_state=state, last_verdict=verdict, last_behind=behind, last_reason=f"So it was: {state}.",
        kernel_running="6.1.0-1", kernel_previous="=6", available_count=3,
        last_patched_at=datetime(2026, 12, 4, 3, 0, 1, 999_999, tzinfo=UTC), **facts,
    )  # fmt: skip


def test_every_outcome_with_and_without_a_reason_of_its_own() -> None:
    window = cast.a_window(name="=Night, first")
    for number, outcome in enumerate(OUTCOMES):
        for coverage in ("", Coverage.OFFLINE, Coverage.NO_OWNER, "of_a_later_version"):
            asset = cast.an_asset(name=f"web-{number:02}", coverage=coverage)
            patched(asset, outcome)
            if number % 2:
                Enrolment.objects.create(asset=asset, window=window, by=cast.ana(), since=NOW)
    assert exported() == expected()
    assert exported().count("\n") == 1 + 4 * len(OUTCOMES)


def test_restores_exceptions_and_servers_that_no_run_has_seen() -> None:
    stopped = cast.a_window(active=False)
    for number in range(6):
        asset = cast.an_asset(name=f"web-{number}", application="payments")
        if number:
            facts = {"restored_at": NOW, "restored_to": NOW - timedelta(days=number)} if number > 3 else {}
            patched(asset, ("done", "patched", False), **facts)
            Enrolment.objects.create(asset=asset, window=stopped, by=cast.ana(), since=NOW)
            Enrolment.objects.create(asset=asset, window=stopped, by=cast.ana(), since=NOW, ended_at=NOW)
    first, second, third, fourth, *_ = Asset.objects.order_by("name")
    excepted(first, -3, 3, "active")
    excepted(first, -2, 9, "active")
    excepted(first, -3, 5, "approved")
    excepted(second, 1, 3, "approved")
    excepted(third, -9, 0, "active")
    excepted(fourth, -9, 9, "revoked")
    assert exported() == expected()
    assert "Excepted to 10 Dec" in exported()


@pytest.mark.parametrize(
    "query", ["", "state=no-window", "q=web", "application=none", "state=nothing-of-ours"]
)
def test_text_that_must_be_quoted_or_would_run_as_a_formula(query: str) -> None:
    for number, text in enumerate(ODD):
        cast.an_asset(
            name=text, owner=text, environment=ODD[number - 1], os_name=text, os_version=ODD[number - 2]
        )
    assert exported(query) == expected(query)


def test_a_file_that_is_too_long_says_so(settings: Any) -> None:
    settings.EXPORT_ROWS = 2
    for number in range(4):
        cast.an_asset(name=f"web-{number}")
    assert "INCOMPLETE: 2 rows are the most in one file." in exported().splitlines()[-1]
    assert exported() == expected()
