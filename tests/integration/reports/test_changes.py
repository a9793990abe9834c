"""What changed in a run: packages and servers, for those who may see them."""

from __future__ import annotations

import csv
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patching.models import PackageChange, Run, Target
from portal.inventory.models import Asset
from tests import cast
from tests.integration.reports.test_pages import MOST_QUERIES, TWO_EVENTS, a_finished_run

pytestmark = pytest.mark.django_db
SSL = ("openssl", "3.0.14", "3.0.15")


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(cast.NOW, tick=False):
        yield


@pytest.fixture
def run() -> Run:
    """Three servers of payments and one of the intranet; openssl on all of them."""
    names = ("pay-1", "pay-2", "pay-3")
    return a_finished_run(
        *(cast.an_asset(name=name) for name in names), cast.an_asset(name="wiki", application="intranet")
    )


def client(person: Any) -> Client:
    found = Client()
    found.force_login(person())
    return found


def changed(run: Run, server: str, name: str, old: str, new: str, **facts: Any) -> None:
    target = run.targets.get(asset__name=server)
    PackageChange.objects.create(
        target=target, asset=target.asset, name=name, old=old, new=new, **({"kind": "upgrade"} | facts)
    )


def page(person: Any, run: Run, **query: str) -> Any:
    answer = client(person).get(reverse("reports:run-changes", args=[run.pk]), query)
    assert answer.status_code == 200
    return answer


def lines(answer: Any) -> list[tuple[str, str, str, int, list[str]]]:
    return [
        (row["name"], row["old"], row["new"], row["servers"], row["names"]) for row in answer.context["page"]
    ]


def test_a_change_is_one_line_with_its_servers(run: Run) -> None:
    changed(run, "pay-1", "zlib", "1", "2")
    changed(run, "pay-2", "zlib", "1", "3")
    assert lines(page(cast.ana, run)) == [
        (*SSL, 3, ["pay-1", "pay-2", "pay-3"]), ("zlib", "1", "2", 1, ["pay-1"]), ("zlib", "1", "3", 1, ["pay-2"]),
    ]  # fmt: skip


def test_kernels_come_first_running_and_installed(run: Run) -> None:
    changed(run, "pay-1", "linux-image-6.1.0-28-amd64", "", "6.1.119-1", kind="install")
    changed(run, "pay-2", "kernel-core", "6.1.96", "6.1.112")
    for name in ("kernel-tools", "linux-image-amd64"):  # no kernels themselves
        changed(run, "pay-3", name, "1", "2")
    run.targets.filter(asset__name="pay-3").update(kernel_after="6.1.96")
    answer = page(cast.ana, run)
    assert [line[0] for line in lines(answer)[:3]] == ["kernel-core", "linux-image-6.1.0-28-amd64", "openssl"]
    [kernel] = answer.context["kernels"]
    assert kernel == {
        "kernel_before": "6.1.96", "kernel_after": "6.1.112", "servers": 2, "names": ["pay-1", "pay-2"],
    }  # fmt: skip
    assert answer.content.decode().index("Running kernel") < answer.content.decode().index("kernel-core")


def test_a_server_with_two_architectures_counts_once(run: Run) -> None:
    changed(run, "pay-1", *SSL, arch="i386")
    [line] = lines(page(cast.ana, run))
    assert line[3:] == (3, ["pay-1", "pay-2", "pay-3"])


def test_many_servers_are_named_in_part_and_counted_whole(run: Run) -> None:
    for number in range(10):
        asset = cast.an_asset(name=f"app-{number}")
        target = Target.objects.create(
            run=run, asset=asset, account_id="1", region="r", since=cast.NOW, instance_id=asset.instance_id,
            platform="linux",
        )  # fmt: skip
        PackageChange.objects.create(
            target=target,
            asset=asset,
            name=SSL[0],
            old=SSL[1],
            new=SSL[2],
            kind="upgrade",
            security=number == 9,
        )
    answer = page(cast.ana, run)
    [row] = answer.context["page"]
    assert (row["servers"], row["secure"]) == (13, True)
    assert row["names"] == [f"app-{number}" for number in range(6)]
    assert "app-5 and more" in answer.content.decode()


def test_a_server_without_a_name_is_called_by_its_id(run: Run) -> None:
    Asset.objects.filter(name="pay-1").update(name="")
    [line] = lines(page(cast.ana, run))
    assert Asset.objects.get(name="").instance_id in line[4]


def test_others_servers_are_neither_counted_nor_named(run: Run) -> None:
    assert lines(page(cast.cy, run)) == [(*SSL, 1, ["wiki"])]
    told = b"".join(client(cast.cy).get(reverse("reports:run-changes-csv", args=[run.pk]))).decode()  # type: ignore[call-overload]
    assert "wiki" in told
    assert "pay-" not in told


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "SSL"}, ["openssl"]),
        ({"kind": "install"}, ["new-one"]),
        ({"security": "1"}, ["fixed"]),
        ({"kind": "strange"}, []),
        ({"q": " "}, ["openssl", "fixed", "new-one"]),
    ],
)
def test_filters(run: Run, query: dict[str, str], found: list[str]) -> None:
    changed(run, "pay-1", "new-one", "", "1", kind="install")
    changed(run, "pay-1", "fixed", "1", "2", security=True)
    assert [line[0] for line in lines(page(cast.ana, run, **query))] == found


def test_pages_hold_every_line_once(run: Run) -> None:
    for number in range(70):
        changed(run, "pay-1", f"lib{number:02}", "1", "2")
        if number % 2:
            changed(run, "pay-2", f"lib{number:02}", "1", "2")
    first = page(cast.ana, run)
    second = page(cast.ana, run, cursor=first.context["page"].next_cursor)
    names = [line[0] for line in lines(first) + lines(second)]
    assert len(names) == len(set(names)) == 71
    assert names[0] == "openssl"
    counts = [line[3] for line in lines(first) + lines(second)]
    assert counts == sorted(counts, reverse=True)
    back = page(cast.ana, run, cursor=second.context["page"].previous_cursor)
    assert lines(back) == lines(first)


def test_the_file_has_a_line_for_each_package_and_server(run: Run) -> None:
    changed(run, "pay-2", "kernel-core", "6.1.96", "6.1.112")
    answer = client(cast.ana).get(reverse("reports:run-changes-csv", args=[run.pk]))
    header, *rows = csv.reader(b"".join(answer).decode().splitlines())  # type: ignore[call-overload]
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["package"], row["server"], row["servers with this change"]) for row in told] == [
        ("kernel-core", "pay-2", "1"), ("openssl", "pay-1", "3"), ("openssl", "pay-2", "3"), ("openssl", "pay-3", "3"),
    ]  # fmt: skip


def test_the_report_shows_the_first_of_them_and_leads_to_all(run: Run) -> None:
    for number in range(9):
        changed(run, "pay-1", f"lib{number}", "1", "2")
    address = reverse("reports:run-report", args=[run.pk])
    report = client(cast.ana).get(address).content.decode()
    assert "What changed" in report
    assert "lib6" in report
    assert "lib7" not in report
    assert reverse("reports:run-changes", args=[run.pk]) in report
    assert "What changed" not in client(cast.ana).get(address, {"q": "pay"}).content.decode()


@pytest.mark.parametrize("name", ["run-changes", "run-changes-csv"])
def test_more_rows_cost_no_more_queries(run: Run, name: str) -> None:
    address, ana = reverse(f"reports:{name}", args=[run.pk]), client(cast.ana)

    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            b"".join(ana.get(address))  # type: ignore[call-overload]
        return len(counted)

    few = queries()
    for number in range(40):
        changed(run, "pay-1", f"lib{number}", "1", "2")
    assert queries() == few <= MOST_QUERIES + (TWO_EVENTS if name.endswith("csv") else 0)
