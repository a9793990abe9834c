"""Servers, server page, reports and search: who sees what, what it costs, and what nonsense does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patching.models import AssetPatchState, Enrolment, HostReport, PackageChange, Run, Target, Window
from patching.models.runs import Dispatch, DispatchTarget
from patching.operations.runs import plan_occurrence
from patching.states import RunState, TargetState, Verdict
from portal.access.models import User
from portal.inventory.models import Asset
from portal.tones import Tone
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW
NASTY = "<script>alert('x')</script> $(reboot) ملقم"
SCRIPT = "<script>alert("
MOST_QUERIES = 12
TWO_EVENTS = 6  # of an export, when it begins and ends, each in a transaction of its own


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def browser(person: Callable[[], User]) -> Client:
    client = Client()
    client.force_login(person())
    return client


def text(client: Client, url: str, data: dict[str, Any] | None = None) -> str:
    answer = client.get(url, data or {})
    assert answer.status_code == 200, url
    return b"".join(answer).decode()


def test_my_servers_tell_what_comes_next() -> None:
    asset, url = cast.an_asset(), reverse("reports:my-servers")
    assert "No server is in a window yet." in text(browser(cast.ana), url)
    window = cast.a_window()
    Enrolment.objects.create(asset=asset, window=window, by=cast.ana(), since=NOW)
    page = text(browser(cast.ana), url)
    assert f'Next: <a href="{reverse("patching:plan", args=[window.slug])}">{window.name}</a>' in page
    assert window.name not in text(browser(cast.cy), url)
    run = plan_occurrence(window, window.recurrence.next(NOW, 1)[0], now=NOW)
    assert f'<a href="{reverse("patching:run", args=[run.pk])}">{run.name}</a>' in text(
        browser(cast.ana), url
    )


def a_finished_run(*assets: Asset, window: Window | None = None) -> Run:
    """Each server patched from one kernel to the next, with a host report and a package."""
    window = window or cast.a_window()
    Enrolment.objects.bulk_create(
        Enrolment(asset=asset, window=window, by=cast.ana(), since=NOW - timedelta(days=9))
        for asset in assets
    )
    run = plan_occurrence(window, window.recurrence.next(NOW, 1)[0], now=NOW)
    run.targets.update(
        state=TargetState.DONE, verdict=Verdict.PATCHED, kernel_before="6.1.96", kernel_after="6.1.112",
        updated_count=1, available_count=0, os_label="Debian GNU/Linux 12",
    )  # fmt: skip
    Run.objects.filter(pk=run.pk).update(state=RunState.FINISHED)
    for target in run.targets.all():
        _patched(run, target)
    return Run.objects.get(pk=run.pk)


def _patched(run: Run, target: Target) -> None:
    AssetPatchState.objects.create(
        asset=target.asset, last_run=run, last_target=target, last_state=TargetState.DONE,
        last_verdict=Verdict.PATCHED, last_run_at=NOW, last_patched_at=NOW, available_count=0,
        kernel_previous="6.1.96", kernel_running="6.1.112",
    )  # fmt: skip
    PackageChange.objects.create(
        target=target, asset=target.asset, name="openssl", old="3.0.14", new="3.0.15", kind="upgrade"
    )


def a_host_report(target: Target, **content: Any) -> HostReport:
    dispatch = Dispatch.objects.create(
        run=target.run, phase="patch", account_id=target.account_id, region=target.region, batch=0, claimed_at=NOW,
        document_name="PatchPortal-Patch-Linux", document_hash="0" * 64, instance_ids=[target.instance_id],
        send_before=NOW, state="collected",
    )  # fmt: skip
    row = DispatchTarget.objects.create(dispatch=dispatch, target=target, phase="patch", attempt=1)
    return HostReport.objects.create(
        row=row, target=target, phase="patch", status="patched", content=content, source="s3", stored_at=NOW
    )


@pytest.mark.parametrize("person", [cast.ana, cast.ada, cast.audrey])
def test_who_may_see_a_server_finds_it_on_every_page(person: Callable[[], User]) -> None:
    asset = cast.an_asset(name="pay-1")
    run = a_finished_run(asset)
    report = a_host_report(run.targets.get(), schema="host-report-1")
    client = browser(person)
    for url in (
        reverse("reports:my-servers"), reverse("reports:server", args=[asset.pk]),
        reverse("reports:run-report", args=[run.pk]), reverse("reports:search") + "?q=pay-1",
        reverse("reports:servers-csv"), reverse("reports:run-report-csv", args=[run.pk]),
    ):  # fmt: skip
        assert "pay-1" in text(client, url), url
    assert run.name in text(client, reverse("reports:finished"))
    assert "host-report-1" in text(client, reverse("reports:host-report", args=[asset.pk, report.pk]))


def test_a_stranger_sees_nothing_of_it_anywhere() -> None:
    asset = cast.an_asset(name="secret-pay")
    run = a_finished_run(asset)
    report = a_host_report(run.targets.get())
    own = cast.an_asset(name="intranet-1", application="intranet")
    cy = browser(cast.cy)
    for name, args in (
        ("server", [asset.pk]), ("host-report", [asset.pk, report.pk]), ("host-report", [own.pk, report.pk]),
        ("run-report", [run.pk]), ("run-report-csv", [run.pk]),
    ):  # fmt: skip
        assert cy.get(reverse(f"reports:{name}", args=args)).status_code == 404, name
    for name in ("my-servers", "servers-csv", "finished"):
        assert "secret-pay" not in text(cy, reverse(f"reports:{name}"))
    assert run.name not in text(cy, reverse("reports:finished"))
    for words in ("secret", asset.instance_id, run.name):
        found = cy.get(reverse("reports:search"), {"q": words}).context
        assert [*found["servers"], *found["runs"], *found["exceptions"]] == []
    assert "intranet-1" in text(cy, reverse("reports:my-servers"))


def test_of_a_shared_run_each_owner_sees_the_own_servers_only() -> None:
    pay, wiki = cast.an_asset(name="pay-1"), cast.an_asset(name="wiki-1", application="intranet")
    run = a_finished_run(pay, wiki)
    for name in ("run-report", "run-report-csv"):
        page = text(browser(cast.cy), reverse(f"reports:{name}", args=[run.pk]))
        assert "wiki-1" in page
        assert "pay-1" not in page
        assert "payments" not in page


def test_the_server_page_tells_kernel_packages_run_and_the_next_three_starts() -> None:
    asset = cast.an_asset(name="pay-1")
    run = a_finished_run(asset)
    page = text(browser(cast.ana), reverse("reports:server", args=[asset.pk]))
    for words in ("6.1.96", "6.1.112", "openssl", "3.0.15", run.name, "Patched"):
        assert words in page
    starts = browser(cast.ana).get(reverse("reports:server", args=[asset.pk])).context["starts"]
    assert len(starts) == 3


def test_without_data_nothing_is_called_good() -> None:
    cast.an_asset(name="pay-1")
    page = browser(cast.ana).get(reverse("reports:my-servers"))
    [row] = page.context["rows"]
    assert row.tone != Tone.SUCCESS
    assert "0 of your 1 server were patched" in page.content.decode()


def test_an_owner_without_servers_is_told_how_one_becomes_theirs() -> None:
    assert "Your servers appear here" in text(browser(cast.ana), reverse("reports:my-servers"))


def test_each_filter_finds_its_servers_and_the_export_follows_it() -> None:
    cast.an_asset(name="pay-linux")
    cast.an_asset(name="pay-win", platform="windows", environment="test")
    ana = browser(cast.ana)
    for query in ({"q": "linux"}, {"platform": "linux"}, {"environment": "production"}):
        for name in ("my-servers", "servers-csv"):
            page = text(ana, reverse(f"reports:{name}"), query)
            assert "pay-linux" in page
            assert "pay-win" not in page


@pytest.mark.parametrize(
    "query",
    [
        {"state": "nonsense"}, {"platform": "<b>"}, {"window": "' OR 1=1"}, {"coverage": "x"}, {"account": "9" * 40},
        {"cursor": "???"}, {"cursor": "eyJ4IjoxfQ=="}, {"sort": "password"}, {"q": "\x00"}, {"q": "%_\\"},
        {"q": "x" * 500}, {"q": "1.2.3.999"}, {"verdict": "splendid"}, {"application": "\x00"}, {"q": "ملقم"},
    ],
)  # fmt: skip
def test_nonsense_in_the_address_is_never_an_error_of_ours(query: dict[str, str]) -> None:
    run = a_finished_run(cast.an_asset())
    ana = browser(cast.ana)
    for name, args in (("my-servers", []), ("servers-csv", []), ("finished", []), ("search", []),
                       ("run-report", [run.pk]), ("run-report-csv", [run.pk])):  # fmt: skip
        answer = ana.get(reverse(f"reports:{name}", args=args), query)
        assert answer.status_code in (200, 400), (name, query)


def test_names_that_look_like_html_or_shell_are_only_text() -> None:
    asset = cast.an_asset(
        name=NASTY, environment=NASTY, owner=NASTY, tags={NASTY: NASTY, "Application": "payments"}
    )
    run = a_finished_run(asset)
    Target.objects.update(reason=NASTY, os_label=NASTY, kernel_after=NASTY)
    AssetPatchState.objects.update(last_reason=NASTY, last_verdict=Verdict.FAILED)
    PackageChange.objects.update(name=NASTY)
    report = a_host_report(run.targets.get(), words=NASTY)
    ana = browser(cast.ana)
    for url in (
        reverse("reports:my-servers"), reverse("reports:server", args=[asset.pk]),
        reverse("reports:run-report", args=[run.pk]), reverse("reports:search") + "?q=reboot",
        reverse("reports:host-report", args=[asset.pk, report.pk]),
    ):  # fmt: skip
        page = text(ana, url)
        assert SCRIPT not in page, url
        assert "&lt;script&gt;alert(" in page, url


def test_a_cell_that_looks_like_a_formula_is_text_in_both_exports() -> None:
    asset = cast.an_asset(name="=HYPERLINK(1)", owner="@SUM(1)")
    run = a_finished_run(asset)
    Target.objects.update(reason="+1+1")
    ana = browser(cast.ana)
    servers = text(ana, reverse("reports:servers-csv"))
    assert "'=HYPERLINK(1)" in servers
    assert "'@SUM(1)" in servers
    report = text(ana, reverse("reports:run-report-csv", args=[run.pk]))
    assert "'=HYPERLINK(1)" in report
    assert "'+1+1" in report


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as counted:
        text(client, url)
    return len(counted)


@pytest.mark.parametrize(
    "page", ["my-servers", "servers-csv", "run-report", "run-report-csv", "server", "search"]
)
def test_fifty_rows_cost_what_ten_cost_and_no_page_more_than_twelve_queries(page: str) -> None:
    window = cast.a_window()
    assets = [cast.an_asset(name=f"pay-{number:03}") for number in range(10)]
    run = a_finished_run(*assets, window=window)
    arguments = {"run-report": [run.pk], "run-report-csv": [run.pk], "server": [assets[0].pk]}.get(page, [])
    url = reverse(f"reports:{page}", args=arguments) + ("?q=pay" if page == "search" else "")
    ana = browser(cast.ana)
    few = queries(ana, url)
    _forty_more(run, window, assets[0])
    most = MOST_QUERIES + (TWO_EVENTS if page.endswith("csv") else 0)
    assert queries(ana, url) == few <= most


def _forty_more(run: Run, window: Window, first: Asset) -> None:
    more = [cast.an_asset(name=f"pay-{number:03}") for number in range(10, 50)]
    for asset in more:
        Enrolment.objects.create(asset=asset, window=window, by=cast.ana(), since=NOW)
        target = Target.objects.create(
            run=run, asset=asset, account_id=asset.account.account_id, region=asset.region, since=NOW,
            instance_id=asset.instance_id, platform="linux", state=TargetState.DONE, verdict=Verdict.PATCHED,
        )  # fmt: skip
        _patched(run, target)
        PackageChange.objects.create(target=target, asset=first, name=asset.name, kind="upgrade")
