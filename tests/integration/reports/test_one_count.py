"""The numbers of one run are the same wherever they stand: patched of the planned, who need you, who is left out."""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from patching.models import Run
from patching.standing import Group
from patching.states import RunState
from portal.notify.models import Notification
from tests import cast
from tests.integration.portal.golden.reading import said
from tests.integration.portal.golden.site import GOOD, LEFT_OUT, MIXED, NOW, Site

pytestmark = pytest.mark.django_db
OUTCOMES = [*GOOD, *MIXED, LEFT_OUT, LEFT_OUT]  # 5 of 8 are patched, 3 need you, 2 left out
COUNTED = "5 of 8 servers are patched. 3 need you"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def run() -> Run:
    site = Site()
    assets = [cast.an_asset(name=f"web-{number:02}") for number in range(len(OUTCOMES))]
    site.window = cast.a_window(name="Saturday night")
    site.enrol(site.window, *assets)
    site.account, site.assets = assets[0].account, assets
    made = site.a_run(NOW, RunState.FINISHED, OUTCOMES)
    site.finished = made
    site.remember(made)
    Run.objects.filter(pk=made.pk).update(finished_at=NOW)
    return made


@pytest.fixture
def ana() -> Client:
    client = Client()
    client.force_login(cast.ana())
    return client


def shown(client: Client, name: str, *args: Any, **query: str) -> str:
    return client.get(reverse(name, args=args), query).content.decode()


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_heading_is_the_same_on_the_run_its_report_and_tonight(run: Run, ana: Client) -> None:
    for name in ("patching:run", "reports:run-report"):
        heading = next(line for line in said(shown(ana, name, run.pk)) if line.startswith("# "))
        assert heading.startswith(f"# {COUNTED}"), name
        assert "2 left out." in heading, name
    Run.objects.update(state=RunState.VERIFYING, finished_at=None)
    lines = said(shown(ana, "patching:tonight"))
    assert lines[0] == f"# {COUNTED}."
    assert "2 left out" in lines[1]


def test_each_list_of_runs_has_the_same_three_numbers(run: Run, ana: Client) -> None:
    addresses = {
        "patching:runs": (), "patching:tonight": (), "reports:finished": (), "patching:window": (run.window.slug,),
    }  # fmt: skip
    for name, args in addresses.items():
        assert re.search(r"5 of 8 3 2\b", words(shown(ana, name, *args))), name


def test_the_shares_of_the_bar_are_the_same_numbers(run: Run, ana: Client) -> None:
    for name in ("patching:run", "reports:run-report"):
        legend = words(shown(ana, name, run.pk).partition('<ul class="legend">')[2].partition("</ul>")[0])
        assert legend == "5 patched 0 running 3 need you 0 waiting 2 left out", name


def test_each_number_leads_to_as_many_rows(run: Run, ana: Client) -> None:
    for group, count in {Group.SUCCESS: 5, Group.NEEDS_YOU: 3, Group.LEFT_OUT: 2}.items():
        for name in ("patching:run", "reports:run-report"):
            answer = ana.get(reverse(name, args=[run.pk]), {"show": group.value})
            assert len(answer.context["page"].rows) == count, (name, group)


def test_the_export_and_the_totals_of_a_report_count_alike(run: Run, ana: Client) -> None:
    lines = b"".join(ana.get(reverse("reports:run-report-csv", args=[run.pk]))).decode().splitlines()  # type: ignore[call-overload]
    counted = Counter(row["counts as"] for row in csv.DictReader(lines))
    assert counted == {"patched": 5, "needs you": 3, "left out": 2}
    report = shown(ana, "reports:run-report", run.pk)
    totals = words(report.partition('<div class="totals">')[2].partition("<form")[0])
    assert totals.count("5 of 8 patched 3 need you 2 left out") == 3


def test_my_servers_counts_those_who_need_you_as_the_run_does(run: Run, ana: Client) -> None:
    page = words(shown(ana, "reports:my-servers"))
    assert "3 need you" in page
    answer = ana.get(reverse("reports:my-servers"), {"state": Group.NEEDS_YOU.value})
    assert len(answer.context["page"].rows) == 3


def test_a_run_that_only_checked_calls_them_ready(run: Run, ana: Client) -> None:
    """Its report said “0 of 39 patched”."""
    Run.objects.update(check_only=True)
    run.targets.filter(state="done").update(verdict="")
    for name in ("patching:run", "reports:run-report"):
        heading = next(line for line in said(shown(ana, name, run.pk)) if line.startswith("# "))
        assert heading.startswith("# 6 of 8 servers are ready to be patched. 2 need you"), name
    for name in ("patching:runs", "reports:finished"):
        assert "6 of 8 ready 2 2" in words(shown(ana, name)), name


def test_no_notification_counts_in_other_words() -> None:
    assert not Notification.objects.filter(sentence__icontains="attention").exists()
