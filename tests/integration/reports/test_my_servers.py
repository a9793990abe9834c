"""My servers: the last run first, rows by what became of them, and many names in one search."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from patching.models import AssetPatchState, Enrolment, Run, Target, Window
from patching.standing import standing_of
from patching.states import RunState, TargetState, Verdict
from portal.inventory.models import Asset, Selection
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW
T, V = TargetState, Verdict
OUTCOMES = {
    "pay-good": (T.DONE, V.PATCHED),
    "pay-idle": (T.DONE, V.NOTHING_TO_DO),
    "pay-failed": (T.DONE, V.FAILED),
    "pay-full": (T.BLOCKED, ""),
    "pay-lost": (T.LOST, ""),
    "pay-excepted": (T.SKIPPED, ""),
}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ana() -> Client:
    client = Client()
    client.force_login(cast.ana())
    return client


def a_run(starts_at: Any = NOW - timedelta(hours=8), window: Window | None = None, **facts: Any) -> Run:
    defaults: dict[str, Any] = {
        "name": "Saturday night", "time_zone": "Europe/Berlin", "state": RunState.FINISHED, "starts_at": starts_at,
        "cutoff_at": starts_at + timedelta(hours=3), "ends_at": starts_at + timedelta(hours=4), "created_at": starts_at,
        "next_look_at": NOW + timedelta(days=1), "window": window,
    }  # fmt: skip
    return Run.objects.create(**(defaults | facts))


def took_part(run: Run, asset: Asset, state: str, verdict: str, *, remembered: bool = True) -> Target:
    target = Target.objects.create(
        run=run, asset=asset, account_id=asset.account.account_id, region=asset.region, since=NOW, state=state,
        instance_id=asset.instance_id, platform="linux", verdict=verdict, reason="As the host said.",
    )  # fmt: skip
    if run.window:
        Enrolment.objects.create(asset=asset, window=run.window, by=cast.ana(), since=NOW)
    if remembered:
        proven = standing_of(state, verdict).proven
        AssetPatchState.objects.create(
            asset=asset, last_run=run, last_target=target, last_state=state, last_verdict=verdict,
            last_reason=target.reason, last_run_at=run.starts_at, last_patched_at=run.starts_at if proven else None,
        )  # fmt: skip
    return target


def last_night(window: Window | None = None) -> Run:
    run = a_run(window=window)
    for name, (state, verdict) in OUTCOMES.items():
        took_part(run, cast.an_asset(name=name), state, verdict)
    return run


def page_of(client: Client, **query: str) -> Any:
    answer = client.get(reverse("reports:my-servers"), query)
    assert answer.status_code == 200
    return answer


def heading(answer: Any) -> str:
    [found] = re.findall(r"<h1>(.*?)</h1>", answer.content.decode(), re.DOTALL)
    return " ".join(strip_tags(found.replace("&nbsp;", " ")).split()).replace(" ,", ",").replace(" .", ".")


def headings(answer: Any) -> list[tuple[str, int | None, bool]]:
    return [(some.heading, some.count, some.folded) for some in answer.context["sections"]]


class TestTheFirstLine:
    def test_it_counts_the_last_run_by_its_own_servers(self, ana: Client) -> None:
        run = last_night()
        cast.an_asset(name="pay-elsewhere")
        took_part(run, cast.an_asset(name="wiki", application="intranet"), T.DONE, V.FAILED)
        answer = page_of(ana)
        assert heading(answer) == "Last run: 2 of your 5 planned servers are patched. 3 need you. 1 left out."
        assert reverse("patching:run", args=[run.pk]) in answer.content.decode()

    def test_a_run_under_way_says_what_is_still_to_come(self, ana: Client) -> None:
        run = a_run(NOW - timedelta(hours=1), state=RunState.PATCHING)
        for state, verdict in ((T.DONE, V.PATCHED), (T.IN_DISPATCH, ""), (T.READY, "")):
            took_part(run, cast.an_asset(), state, verdict, remembered=False)
        assert heading(page_of(ana)) == (
            "Saturday night is under way: 1 of your 3 planned servers is patched so far. 2 still to come."
        )

    def test_a_missed_run_is_told(self, ana: Client) -> None:
        took_part(a_run(state=RunState.MISSED), cast.an_asset(), T.SKIPPED, "")
        assert heading(page_of(ana)) == "The last run was missed: nothing was patched."

    @pytest.mark.parametrize(
        "later",
        [
            {"check_only": True},
            {"state": RunState.PLANNED},
            {"state": RunState.CHECKING, "starts_at": NOW + timedelta(minutes=10)},
        ],
    )
    def test_what_patched_nobody_yet_is_no_last_run(self, ana: Client, later: dict[str, Any]) -> None:
        asset = cast.an_asset()
        took_part(a_run(), asset, T.DONE, V.PATCHED)
        other = a_run(**({"starts_at": NOW - timedelta(hours=1)} | later))
        took_part(other, asset, T.DONE, "", remembered=False)
        assert heading(page_of(ana)) == "Last run: 1 of your 1 planned server is patched."

    def test_the_last_run_of_strangers_is_not_told(self, ana: Client) -> None:
        cast.an_asset()
        took_part(a_run(), cast.an_asset(application="intranet"), T.DONE, V.PATCHED)
        assert heading(page_of(ana)) == "No run has taken a server of yours yet."

    def test_who_needs_somebody_for_another_reason_is_counted_apart(self, ana: Client) -> None:
        took_part(a_run(NOW - timedelta(days=7)), cast.an_asset(), T.BLOCKED, "")
        assert "not because of the last run" not in page_of(ana).content.decode()
        took_part(a_run(), cast.an_asset(), T.DONE, V.FAILED)
        answer = page_of(ana)
        assert heading(answer) == "Last run: 0 of your 1 planned server are patched. 1 needs you."
        assert "1 of them not because of the last run" in answer.content.decode()


class TestGroups:
    def test_the_worst_come_first_and_the_good_ones_are_folded(self, ana: Client) -> None:
        last_night(cast.a_window())
        cast.an_asset(name="pay-forgotten")
        cast.an_asset(name="pay-new")
        Enrolment.objects.create(
            asset=Asset.objects.get(name="pay-new"), window=Window.objects.get(), by=cast.ana(), since=NOW
        )
        answer = page_of(ana)
        assert headings(answer) == [
            ("Need you", 3, False), ("In no window", 1, False), ("Left out", 1, False), ("Not patched yet", 1, False),
            ("Patched", 2, True),
        ]  # fmt: skip
        assert [row.asset.name for row in answer.context["sections"][0].rows] == [
            "pay-failed",
            "pay-lost",
            "pay-full",
        ]

    def test_nothing_is_folded_away_where_it_is_all_there_is_or_was_asked_for(self, ana: Client) -> None:
        run = last_night(cast.a_window())
        assert not any(folded for *_, folded in headings(page_of(ana, q="pay-good pay-full")))
        assert headings(page_of(ana, sort="name")) == [("", None, False)]
        Target.objects.exclude(asset__name="pay-good").delete()
        AssetPatchState.objects.exclude(asset__name="pay-good").delete()
        Enrolment.objects.exclude(asset__name="pay-good").delete()
        Asset.objects.exclude(name="pay-good").delete()
        assert run.targets.count() == 1
        assert headings(page_of(ana)) == [("Patched", 1, False)]

    def test_a_heading_counts_all_pages(self, ana: Client) -> None:
        run = a_run(window=cast.a_window())
        for number in range(60):
            took_part(run, cast.an_asset(name=f"pay-{number:02}"), T.DONE, V.FAILED)
        assert headings(page_of(ana)) == [("Need you", 60, False)]

    def test_who_was_left_out_is_found_by_the_filter(self, ana: Client) -> None:
        last_night(cast.a_window())
        [row] = page_of(ana, state="skipped").context["rows"]
        assert row.asset.name == "pay-excepted"


def test_window_and_last_patched_stand_in_the_row_as_in_the_file(ana: Client) -> None:
    window = cast.a_window(name="Night of Lima", time_zone="America/Lima")
    run = a_run(NOW.replace(hour=3), window=window)  # in Lima it is the evening before
    took_part(run, cast.an_asset(name="pay-1"), T.DONE, V.PATCHED)
    page = page_of(ana).content.decode()
    assert f'href="{reverse("patching:window", args=[window.slug])}"' in page
    [title] = re.findall(r'<time [^>]*title="([^"]*)">Fri 4 Dec</time>', page)
    assert title == "Fri 4 Dec, 22:00 Lima · 2026-12-05 03:00 UTC"
    header, row = csv.reader(b"".join(ana.get(reverse("reports:servers-csv"))).decode().splitlines())  # type: ignore[call-overload]
    told = dict(zip(header, row, strict=True))
    assert (told["window"], told["last patched"]) == ("Night of Lima", "2026-12-05T03:00:00+00:00")


class TestManyNames:
    @pytest.fixture(autouse=True)
    def named(self, db: None) -> list[Asset]:
        return [cast.an_asset(name=name) for name in ("pay-1", "pay-2", "pay-10", "PAY-API", "front door")]

    @pytest.mark.parametrize("between", [" ", ", ", "; ", "\n", "\r\n", ",\t"])
    def test_several_names_are_whole_names(self, ana: Client, between: str) -> None:
        answer = page_of(ana, q=between.join(["pay-1", "Pay-2", "pay-api"]))
        assert {row.asset.name for row in answer.context["rows"]} == {"pay-1", "pay-2", "PAY-API"}
        assert answer.context["unknown_names"] == []

    def test_ids_and_addresses_are_names_too(self, ana: Client, named: list[Asset]) -> None:
        Asset.objects.filter(pk=named[1].pk).update(private_ip="10.0.0.7")
        answer = page_of(ana, q=f"{named[0].instance_id} 10.0.0.7")
        assert {row.asset.pk for row in answer.context["rows"]} == {named[0].pk, named[1].pk}
        assert answer.context["unknown_names"] == []

    def test_one_word_is_a_part_of_a_name(self, ana: Client) -> None:
        found = {row.asset.name for row in page_of(ana, q="pay-1").context["rows"]}
        assert found == {"pay-1", "pay-10"}

    def test_a_name_with_a_blank_is_one_name(self, ana: Client) -> None:
        answer = page_of(ana, q="front do")
        assert [row.asset.name for row in answer.context["rows"]] == ["front door"]
        assert answer.context["unknown_names"] == []

    def test_names_that_are_not_there_or_not_yours_are_told_alike(self, ana: Client) -> None:
        cast.an_asset(name="wiki-1", application="intranet")
        answer = page_of(ana, q="pay-1 wiki-1 pay-99")
        assert answer.context["unknown_names"] == ["wiki-1", "pay-99"]
        assert "2 names are not among your servers: wiki-1, pay-99" in answer.content.decode()

    def test_a_filter_beside_it_makes_no_name_unknown(self, ana: Client) -> None:
        answer = page_of(ana, q="pay-1 pay-2", platform="windows")
        assert (list(answer.context["rows"]), answer.context["unknown_names"]) == ([], [])

    def test_too_much_text_is_a_sentence(self, ana: Client) -> None:
        answer = page_of(ana, q="pay-1 " * 400)
        assert "More than 2,000 characters are too many for one search." in answer.content.decode()

    def test_all_that_match_are_the_named_ones(self, ana: Client, named: list[Asset]) -> None:
        address = reverse("reports:servers-act") + "?q=pay-1,pay-2"
        answer = ana.post(address, {"act": "window", "all_matching": "1"})
        kept = Selection.objects.get()
        assert answer.headers["Location"].endswith(f"?selection={kept.key}")
        assert kept.asset_ids == [named[0].pk, named[1].pk]
