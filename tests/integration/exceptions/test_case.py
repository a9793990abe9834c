"""One case: what its decision takes stands on the page, and who may decide finds it first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from patching.models import AssetPatchState
from portal.access.models import Grant, User
from portal.access.states import Dimension, Role
from tests import cast
from tests.integration.exceptions.cases import (
    NOW,
    asked,
    browser,
    enrolled,
    granted,
    page,
    text,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def test_the_case_tells_what_is_skipped_what_is_patched_when_and_until_when_to_decide() -> None:
    window = cast.a_window(name="Saturday night")
    made = asked(enrolled(window), enrolled(window), cast.an_asset())
    told = page(made)
    assert "Decide by Sat 12 Dec, 22:00 Berlin (in 5 days)" in told
    assert "2 starts" in told
    assert "Saturday night for 2 servers: Sat 12 Dec, 22:00 Berlin; Sat 19 Dec, 22:00 Berlin" in told
    assert "Sat 26 Dec, 22:00 Berlin if you approve, Sat 12 Dec, 22:00 Berlin if not" in told
    assert "1 server is in no window: nothing patches it until an owner picks one." in told


def test_a_start_that_is_over_is_not_counted_and_another_exception_moves_what_is_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Asked on the Monday, read on the Sunday after the first start; another one holds the next Saturday."""
    asset = enrolled(cast.a_window(name="Saturday night"))
    made = asked(asset)
    granted(asked(asset, first=12, last=12))
    monkeypatch.setattr(timezone, "now", lambda: NOW + timedelta(days=6))
    told = page(made)
    assert "1 start Saturday night for 1 server: Sat 19 Dec, 22:00 Berlin" in told
    assert "Sat 26 Dec, 22:00 Berlin, with and without it." in told


def test_days_without_a_start_say_so() -> None:
    told = page(asked(enrolled(cast.a_window()), last=3))
    assert "Decide by Fri 11 Dec, 00:00 Berlin, when its last day ends: no start comes before." in told
    assert "No start of a window is left in these days: nothing is skipped." in told


def test_open_updates_with_their_age_and_the_last_patching() -> None:
    told, silent = cast.an_asset(), cast.an_asset()
    looked, since, patched = NOW - timedelta(days=9), NOW - timedelta(days=40), NOW - timedelta(days=41)
    AssetPatchState.objects.create(
        asset=told, available_count=12, security_count=3, last_run_at=looked, last_patched_at=patched,
        updates_open_since=since, security_open_since=since,
    )  # fmt: skip
    read = page(asked(told, silent))
    assert "12 updates, 3 of them security, on 1 of 2 servers: the others have not told yet." in read
    assert "Security updates are open at least since Wed 28 Oct (40 days ago)." in read
    assert "the first Sat 28 Nov, 10:00 Berlin" in read
    assert "Tue 27 Oct (41 days ago), 1 of 2 servers never." in read
    unknown = page(asked(cast.an_asset()))
    assert "Unknown: none of them has told yet what is open." in unknown
    assert "Never through this portal." in unknown


def test_earlier_and_overlapping_exceptions_are_named_as_far_as_the_reader_may_see_them() -> None:
    mine, other = cast.an_asset(), cast.an_asset(application="intranet")
    old = granted(asked(mine, last=1))
    wide = Grant.objects.create(user=cast.bo(), role=Role.APPROVER, dimension=Dimension.EVERYTHING)
    foreign = asked(other, by=cast.cy())
    wide.delete()
    waiting = asked(mine, first=5, last=9)
    told = page(asked(mine, cast.an_asset(), first=8))
    assert f"Overlaps Exception {waiting.pk}, 12 Dec to 16 Dec 2026, by Ana: Waiting for approval" in told
    assert "for 1 of these servers" in told
    assert f"1 exception of these servers in the year before: Exception {old.pk}," in told
    assert f"Exception {foreign.pk} " not in told


def test_how_to_reach_the_asker_also_without_an_address() -> None:
    made = asked()
    assert "Asked by Ana (ana@example.com)" in page(made)
    User.objects.filter(username="ana").update(email="")
    assert "no e-mail address is kept: “Ask for changes” is told in the portal" in page(made)


def a_leader_of_others() -> User:
    """Answers for the intranet, and sees the servers of payments as their owner."""
    user = cast.cy()
    Grant.objects.get_or_create(
        user=user, role=Role.APPROVER, dimension=Dimension.APPLICATION, value="intranet"
    )
    Grant.objects.get_or_create(user=user, role=Role.OWNER, dimension=Dimension.APPLICATION, value="payments")
    return user


@pytest.mark.parametrize(
    ("person", "words"),
    [
        (cast.ana, "Withdraw the request"),
        (cast.ada, "Servers 1 server"),
        (a_leader_of_others, "You do not answer for every server of this request"),
    ],
)
def test_whoever_cannot_decide_reads_who_has_it_since_when_and_finds_no_form(
    person: Callable[[], User], words: str
) -> None:
    told = page(asked(), person)
    assert "With Bo (bo@example.com) since Mon 7 Dec, 10:00 Berlin" in told
    assert words in told
    assert "Approve until" not in told
    assert "Your reason" not in told
    assert "needs the role" not in told


def test_a_reason_that_is_needed_is_not_called_optional() -> None:
    waits, holds = asked(), granted(asked())
    assert "Your reason (optional) Rejecting and asking for changes need one." in page(waits)
    assert "Reason End the exception now" in page(holds)


def test_a_requester_is_warned_of_a_request_that_waits_for_the_same_servers() -> None:
    asset, free = cast.an_asset(), cast.an_asset()
    made, url = asked(asset), reverse("exceptions:ask")
    read = text(browser(cast.ana).get(url, {"ids": f"{asset.pk},{free.pk}"}))
    assert (
        f"Exception {made.pk}, 7 Dec to 20 Dec 2026, by Ana: Waiting for approval for 1 of these servers"
        in read
    )
    assert "Asked for already" not in text(browser(cast.ana).get(url, {"ids": free.pk}))


def test_the_inbox_begins_with_what_must_be_decided_first() -> None:
    later, sooner = asked(enrolled(cast.a_window(weekday=3))), asked(enrolled(cast.a_window(weekday=2)))
    rows = browser(cast.bo).get(reverse("exceptions:inbox")).context["rows"]
    assert [row.pk for row, _ in rows] == [sooner.pk, later.pk]
    assert [f"{deadline:%a %H:%M}" for _, deadline in rows] == ["Wed 21:00", "Thu 21:00"]


@pytest.mark.parametrize(("goal", "start"), [("", "inbox"), ("/", "inbox"), ("/windows/", "/windows/")])
def test_who_signs_in_begins_with_the_inbox_when_something_waits(goal: str, start: str) -> None:
    bo, url = cast.bo(), reverse("account_login")
    typed = {"login": bo.username, "password": cast.PASSWORD, "next": goal}
    assert Client().post(url, typed).headers["Location"] == (goal or "/")
    asked()
    inbox = reverse("exceptions:inbox")
    assert Client().post(url, typed).headers["Location"] == (inbox if start == "inbox" else start)


def test_the_case_of_many_servers_and_exceptions_costs_no_more_queries(
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    window = cast.a_window()
    assets = [enrolled(window) for _ in range(12)]
    for asset in assets:
        granted(asked(asset, last=2))
    made, bo = asked(*assets, first=1), browser(cast.bo)
    with django_assert_max_num_queries(18):
        assert bo.get(reverse("exceptions:case", args=[made.pk])).status_code == 200
