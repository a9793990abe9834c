"""The pages, by the people of the cast: what they see, what they are refused, and with which sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from exceptions import operations
from exceptions.models import ExceptionRequest
from exceptions.states import ExceptionState
from portal.access.models import Grant, User
from portal.access.states import Dimension, Role
from portal.inventory.models import Asset
from tests import cast

pytestmark = pytest.mark.django_db
REASON = "The external auditors work on these servers."
NASTY = "<script>alert('x')</script> $(reboot) `id` ';--"


def browser(person: Callable[[], User]) -> Client:
    client = Client()
    client.force_login(person())
    return client


def today() -> date:
    """In the zone of the requests: near midnight it is another day than in UTC."""
    return timezone.now().astimezone(ZoneInfo("Europe/Berlin")).date()


def asked(*assets: Asset, by: User | None = None, reason: str = REASON) -> ExceptionRequest:
    cast.bo()
    return operations.submit(
        assets=assets or [cast.an_asset()], from_date=today() + timedelta(days=1), to_date=today() + timedelta(days=5),
        time_zone="Europe/Berlin", category="audit", reason=reason, by=by or cast.ana(), now=timezone.now(),
    )  # fmt: skip


def form(*assets: Asset, **facts: Any) -> dict[str, Any]:
    days = {"from_date": str(today() + timedelta(days=1)), "to_date": str(today() + timedelta(days=3))}
    words = {"time_zone": "Europe/Berlin", "category": "audit", "reason": REASON}
    return {"ids": ",".join(str(asset.pk) for asset in assets)} | days | words | facts


def decide(client: Client, request: ExceptionRequest, act: str, reason: str = "") -> HttpResponse:
    return client.post(reverse("exceptions:decide", args=[request.pk]), {"act": act, "reason": reason})  # type: ignore[return-value]


def test_an_owner_asks_and_the_approver_finds_it_in_the_inbox_and_approves() -> None:
    cast.bo()
    asset, url = cast.an_asset(), reverse("exceptions:ask")
    ana, bo = browser(cast.ana), browser(cast.bo)
    assert asset.label in ana.get(url, {"ids": asset.pk}).content.decode()
    answer = ana.post(url, form(asset))
    made = ExceptionRequest.objects.get()
    assert answer.headers["Location"] == reverse("exceptions:case", args=[made.pk])
    assert REASON in bo.get(reverse("exceptions:inbox")).content.decode()
    assert "Approve until" in bo.get(answer.headers["Location"]).content.decode()
    assert decide(bo, made, "approve").status_code == 302
    made.refresh_from_db()
    assert made.state == ExceptionState.APPROVED
    assert "Nothing waits for you" in bo.get(reverse("exceptions:inbox")).content.decode()


def test_a_stranger_finds_neither_case_nor_row_nor_export() -> None:
    made = asked(reason="Something only payments may read.")
    cy = browser(cast.cy)
    assert cy.get(reverse("exceptions:case", args=[made.pk])).status_code == 404
    assert decide(cy, made, "approve").status_code == 404
    for name in ("exceptions:register", "exceptions:inbox"):
        assert "only payments" not in cy.get(reverse(name)).content.decode()
    rows = b"".join(cy.get(reverse("exceptions:register-csv"))).decode()  # type: ignore[arg-type]
    assert "only payments" not in rows


@pytest.mark.parametrize("name", ["register", "register-csv", "inbox", "ask"])
def test_without_sign_in_there_is_no_page(name: str) -> None:
    answer = Client().get(reverse(f"exceptions:{name}"))
    assert answer.status_code == 302
    assert "/accounts/login/" in answer.headers["Location"]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("kind", ["foreign", "missing", "words", "huge"])
def test_a_foreign_asset_id_is_refused_in_the_same_words_as_one_that_does_not_exist(
    method: str, kind: str
) -> None:
    foreign = cast.an_asset(application="intranet", name="secret-name")
    named = {"foreign": str(foreign.pk), "missing": "987654", "words": "1 OR 1=1", "huge": "9" * 30}[kind]
    data = form(cast.an_asset()) | {"ids": f"{cast.an_asset().pk},{named}"}
    answer = getattr(browser(cast.ana), method)(reverse("exceptions:ask"), data)
    assert answer.status_code == 403
    assert "is not yours, or does not exist" in answer.content.decode()
    assert "secret-name" not in answer.content.decode()
    assert not ExceptionRequest.objects.exists()


def test_too_many_servers_are_refused_with_the_number() -> None:
    ids = ",".join(str(number) for number in range(1, 5002))
    answer = browser(cast.ana).post(reverse("exceptions:ask"), {"ids": ids})
    assert answer.status_code == 400
    assert "5,001 servers are too many" in answer.content.decode()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"to_date": "2020-01-01"}, "is before the first"),
        ({"from_date": "2020-01-01", "to_date": "2020-01-02"}, "1 January 2020, is over already"),
        ({"from_date": "the first"}, "Enter a valid date"),
        ({"time_zone": "Mars/Olympus"}, "is not a time zone"),
        ({"time_zone": "Europe"}, "is not a time zone"),
        ({"category": "nonsense"}, "nonsense"),
        ({"reason": "short"}, "Write why"),
        ({"reason": ""}, "This field is required"),
        ({"reason": "x" * 2001}, "2000"),
        ({"to_date": "9999-12-31"}, "366 days at most"),
    ],
)
def test_bad_input_comes_back_with_a_sentence_and_nothing_is_written(
    facts: dict[str, str], words: str
) -> None:
    cast.bo()
    answer = browser(cast.ana).post(reverse("exceptions:ask"), form(cast.an_asset(), **facts))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not ExceptionRequest.objects.exists()


def test_without_an_approver_the_page_names_the_admin() -> None:
    cast.ada()
    answer = browser(cast.ana).post(reverse("exceptions:ask"), form(cast.an_asset()))
    assert answer.status_code == 422
    assert "Ask Ada to name one" in answer.content.decode()


def test_self_approval_through_the_browser_is_refused() -> None:
    made = asked()
    Grant.objects.create(user=cast.ana(), role=Role.APPROVER, dimension=Dimension.EVERYTHING)
    answer = decide(browser(cast.ana), made, "approve")
    assert answer.status_code == 403
    assert "You cannot decide your own request" in answer.content.decode()


def test_a_lost_race_is_a_conflict_page_that_says_who_was_faster() -> None:
    made = asked()
    assert decide(browser(cast.bo), made, "reject", "Too risky.").status_code == 302
    answer = decide(browser(cast.bo), made, "approve")
    assert answer.status_code == 409
    assert "was rejected by Bo, just now" in answer.content.decode()


@pytest.mark.parametrize("act", ["reject", "return"])
def test_a_decision_without_reason_comes_back_with_its_sentence(act: str) -> None:
    answer = decide(browser(cast.bo), asked(), act)
    assert answer.status_code == 422
    assert "Write a reason" in answer.content.decode()


def test_an_unknown_deed_is_a_sentence() -> None:
    assert decide(browser(cast.bo), asked(), "drop table").status_code == 422


def test_names_and_reasons_that_look_like_html_or_shell_are_only_text() -> None:
    asset = cast.an_asset(name=NASTY, environment=NASTY)
    ana = cast.ana()
    ana.first_name = NASTY[:30]
    ana.save()
    made = asked(asset, reason=NASTY)
    bo = browser(cast.bo)
    for url in (
        reverse("exceptions:case", args=[made.pk]),
        reverse("exceptions:inbox"),
        reverse("exceptions:register"),
    ):
        page = bo.get(url).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
    page = browser(cast.ana).get(reverse("exceptions:ask"), {"ids": asset.pk}).content.decode()
    assert "<script>alert" not in page


def test_servers_of_other_teams_are_counted_but_not_named() -> None:
    ana, bo = cast.ana(), cast.bo()
    for user, role in ((ana, Role.OWNER), (bo, Role.APPROVER)):
        Grant.objects.create(user=user, role=role, dimension=Dimension.APPLICATION, value="intranet")
    made = asked(cast.an_asset(name="pay-1"), cast.an_asset(name="wiki-1", application="intranet"))
    page = browser(cast.cy).get(reverse("exceptions:case", args=[made.pk])).content.decode()
    assert "wiki-1" in page
    assert "pay-1" not in page
    assert "1 server of other teams is not shown" in page


def test_the_register_filters_and_its_export_says_who_decided() -> None:
    kept, other = asked(reason="The tender of Bremen."), asked(reason="The audit of Kiel.")
    operations.approve(request=kept, by=cast.bo(), reason="=cmd()", now=timezone.now())
    ana = browser(cast.ana)
    page = ana.get(
        reverse("exceptions:register"), {"q": "bremen", "state": "approved", "mine": "1"}
    ).content.decode()
    assert "Bremen" in page
    assert "Kiel" not in page
    rows = b"".join(ana.get(reverse("exceptions:register-csv"), {"state": "approved"})).decode()  # type: ignore[arg-type]
    assert "approved,Bo," in rows
    assert "'=cmd()" in rows
    assert other.reason not in rows


@pytest.mark.parametrize("query", [{"state": "nonsense"}, {"cursor": "???"}, {"q": "%_\\"}, {"q": "\x00"}])
def test_a_damaged_address_of_the_register_is_no_error_page_of_ours(query: dict[str, str]) -> None:
    asked()
    for name in ("exceptions:register", "exceptions:register-csv"):
        assert browser(cast.ana).get(reverse(name), query).status_code in (200, 400)


def test_the_bar_counts_what_waits_for_an_approver_and_nothing_for_others() -> None:
    asked()
    assert "Inbox" in browser(cast.bo).get(reverse("exceptions:register")).content.decode()
    assert "Inbox" not in browser(cast.ana).get(reverse("exceptions:register")).content.decode()
    context = browser(cast.bo).get(reverse("exceptions:register")).context
    assert [link.count for link in context["chrome"].bar if link.label == "Inbox"] == [1]


def test_the_owner_withdraws_and_a_returned_request_is_sent_again() -> None:
    made, ana, bo = asked(), browser(cast.ana), browser(cast.bo)
    decide(bo, made, "return", "Which auditors?")
    decide(ana, made, "resubmit", "The auditors of the central bank.")
    made.refresh_from_db()
    assert (made.state, made.reason) == (ExceptionState.SUBMITTED, "The auditors of the central bank.")
    decide(ana, made, "withdraw")
    made.refresh_from_db()
    assert made.state == ExceptionState.WITHDRAWN


def test_a_long_register_and_a_wide_case_cost_no_more_queries_than_short_ones(
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    for _ in range(10):
        made = asked(*(cast.an_asset() for _ in range(20)))
    bo = browser(cast.bo)
    for url in (reverse("exceptions:register"), reverse("exceptions:inbox")):
        with django_assert_max_num_queries(12):
            assert bo.get(url).status_code == 200
    with django_assert_max_num_queries(18):
        assert bo.get(reverse("exceptions:case", args=[made.pk])).status_code == 200
