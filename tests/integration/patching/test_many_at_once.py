"""Thousands of servers are chosen, moved and asked for at once: who is meant, and that it costs no query a server."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from exceptions.models import ExceptionRequest
from patching.models import Enrolment, Run, Target
from patching.states import RunState, TargetState, Verdict
from portal.inventory import selections
from portal.inventory.models import Asset, Selection
from tests import cast
from tests.integration.patching.test_pages import NOW, a_run, browser, enrol

pytestmark = pytest.mark.django_db
MANY = 300  # more than an address names


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def servers(count: int, name: str = "web") -> list[Asset]:
    like = cast.an_asset(name=f"{name}-like")
    columns = {field.attname: getattr(like, field.attname) for field in Asset._meta.concrete_fields}
    del columns["id"]
    rows = [
        Asset(**columns | {"instance_id": f"i-{name}{number:09}", "name": f"{name}-{number:05}"})
        for number in range(1, count)
    ]
    return [like, *Asset.objects.bulk_create(rows)]


def choose_all(client: Client, act: str = "window", **filters: str) -> str:
    """The address of the page that acts on all that match."""
    answer = client.post(reverse("reports:servers-act", query=filters), {"act": act, "all_matching": "1"})
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def key_of(address: str) -> str:
    return address.partition("selection=")[2]


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def in_window(window: Any) -> int:
    return Enrolment.objects.filter(window=window, ended_at=None).count()


def test_all_that_match_are_moved_and_taken_back() -> None:
    servers(MANY)
    old, new, ana = cast.a_window(name="Old"), cast.a_window(name="New"), browser(cast.ana())
    enrol(old, *Asset.objects.filter(name__startswith="web-00")[:40])
    address = choose_all(ana, q="web-")
    page = text(ana.get(address))
    assert f"these {MANY} servers" in page
    assert f"Enrol {MANY} servers" in page
    assert "and 34 more" in page  # of the forty that leave their window
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        done = ana.post(
            reverse("patching:enrol"), {"selection": key_of(address), "window": new.slug}, follow=True
        )
        assert f"{MANY} servers are enrolled in New." in text(done)
        assert (in_window(old), in_window(new)) == (0, MANY)
    with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
        back = ana.post(reverse("patching:undo-enrol"), follow=True)
        assert f"Taken back: {MANY} servers are where they were." in text(back)
    assert (in_window(old), in_window(new)) == (40, 0)


def test_those_that_went_or_changed_hands_are_named_and_left_alone() -> None:
    servers(MANY)
    window, ana = cast.a_window(), browser(cast.ana())
    address = choose_all(ana)
    Asset.objects.filter(name="web-00007").update(application="intranet", name="secret-name-of-others")
    Asset.objects.filter(name="web-00008").update(gone_at=NOW)
    told = "2 servers of your choice can no longer be seen"
    page = text(ana.get(address))
    assert told in page
    assert "web-00007, web-00008" in page  # as they were called when they were chosen
    assert "secret-name-of-others" not in page
    done = ana.post(
        reverse("patching:enrol"), {"selection": key_of(address), "window": window.slug}, follow=True
    )
    assert f"{MANY - 2} servers are enrolled" in text(done)
    assert f"{told}: web-00007, web-00008." in text(done)
    assert in_window(window) == MANY - 2


def test_a_server_that_matches_only_now_was_not_chosen() -> None:
    servers(MANY)
    window, ana = cast.a_window(), browser(cast.ana())
    address = choose_all(ana)
    late = cast.an_asset(name="web-late")
    ana.post(reverse("patching:enrol"), {"selection": key_of(address), "window": window.slug})
    assert not Enrolment.objects.filter(asset=late).exists()


@pytest.mark.parametrize("key", ["", "not-a-key", "00000000-0000-0000-0000-000000000000"])
def test_a_selection_that_is_not_there_is_a_sentence(key: str) -> None:
    answer = browser(cast.ana()).get(reverse("patching:pick-window"), {"selection": key or "x"})
    assert answer.status_code == 400
    assert "This choice of servers is over" in text(answer)


def test_somebody_elses_selection_is_none() -> None:
    servers(MANY)
    address = choose_all(browser(cast.ana()))
    answer = browser(cast.ada()).get(address)
    assert answer.status_code == 400
    assert "This choice of servers is over" in text(answer)


def test_selections_are_kept_for_a_day_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    servers(MANY)
    ana = browser(cast.ana())
    first = choose_all(ana)
    with time_machine.travel(NOW + timedelta(days=1, minutes=1), tick=False):
        choose_all(ana)
    assert Selection.objects.count() == 1
    assert str(Selection.objects.get().key) != key_of(first)
    monkeypatch.setattr(selections, "MOST_SELECTED", MANY - 1)
    answer = ana.post(reverse("reports:servers-act"), {"act": "window", "all_matching": "1"})
    assert answer.status_code == 400
    assert f"More than {MANY - 1} servers match" in text(answer)


def test_an_exception_is_asked_for_all_that_match() -> None:
    servers(MANY)
    cast.bo()
    ana = browser(cast.ana())
    address = choose_all(ana, "exception")
    page = text(ana.get(address))
    assert f"Leave {MANY} servers unpatched" in page
    assert "and 288 more" in page
    day = NOW.date() + timedelta(days=1)
    fields = {
        "from_date": day,
        "to_date": day,
        "time_zone": "UTC",
        "category": "audit",
        "reason": "Auditors are here.",
    }
    found = ana.post(reverse("patching:skipped-starts"), {"selection": key_of(address), **fields})
    assert "there is nothing to skip" in text(found)
    ana.post(address, {"selection": key_of(address), **fields})
    assert ExceptionRequest.objects.get().covered.count() == MANY


def test_leaving_takes_all_out_and_can_be_taken_back() -> None:
    every = servers(MANY)
    window, ana = cast.a_window(), browser(cast.ana())
    enrol(window, *every[:-1])
    key = key_of(choose_all(ana))
    done = ana.post(reverse("patching:leave"), {"selection": key}, follow=True)
    assert f"{MANY - 1} servers are in no window now" in text(done)
    with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
        ana.post(reverse("patching:undo-enrol"))
    assert in_window(window) == MANY - 1


def queries(client: Client, how: str, address: str, fields: dict[str, Any] | None = None) -> int:
    with CaptureQueriesContext(connection) as counted:
        answer = getattr(client, how)(address, fields or {})
    assert answer.status_code < 400
    return len(counted)


def test_pages_and_acts_cost_as_many_queries_for_many_as_for_few() -> None:
    few, many = servers(5, "few"), servers(MANY, "many")
    window, ana = cast.a_window(), browser(cast.ana())
    cast.bo()
    asked: dict[str, list[int]] = {}
    for name, group in (("few", few), ("many", many)):
        enrol(cast.a_window(), *group[:4])
        for act in ("window", "exception"):
            address = choose_all(ana, act, q=f"{name}-")
            asked.setdefault(act, []).append(queries(ana, "get", address))
        key = {"selection": key_of(choose_all(ana, q=f"{name}-"))}
        enrol_now = {**key, "window": window.slug}
        asked.setdefault("enrol", []).append(queries(ana, "post", reverse("patching:enrol"), enrol_now))
        asked.setdefault("undo", []).append(queries(ana, "post", reverse("patching:undo-enrol")))
        asked.setdefault("leave", []).append(queries(ana, "post", reverse("patching:leave"), key))
    for act, (for_few, for_many) in asked.items():
        assert for_many <= for_few + 1, (act, for_few, for_many)


def test_the_two_hundred_and_first_window_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patching.views.enrolment.MOST_WINDOWS", 2)
    for name in ("Alpha", "Beta", "Gamma"):
        cast.a_window(name=name)
    ana, asset = browser(cast.ana()), cast.an_asset()
    page = text(ana.get(reverse("patching:pick-window"), {"ids": asset.pk}))
    assert "1 window is not shown: find yours by its name." in page
    assert "Gamma" not in page
    found = text(ana.get(reverse("patching:pick-window"), {"ids": asset.pk, "name": "gam"}))
    assert re.findall(r"<strong>(\w+)</strong>", found) == ["Gamma"]


def test_a_run_of_many_is_planned_and_tried_again_with_as_many_queries() -> None:
    ada, asked = browser(cast.ada()), dict[str, list[int]]()
    for count in (5, 60):
        window, run = a_run(count)
        Target.objects.filter(run=run).update(state=TargetState.DONE, verdict=Verdict.FAILED)
        Run.objects.filter(pk=run.pk).update(state=RunState.FINISHED)
        addresses = {
            "plan": reverse("patching:plan", args=[window.slug]),
            "run": reverse("patching:run", args=[run.pk]),
        }
        for name, address in addresses.items():
            asked.setdefault(name, []).append(queries(ada, "get", address))
        again = reverse("patching:retry", args=[run.pk])
        asked.setdefault("retry", []).append(queries(ada, "post", again, {"reason": "They are well again."}))
    for name, (for_few, for_many) in asked.items():
        assert for_many <= for_few, (name, for_few, for_many)
