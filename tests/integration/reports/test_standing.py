"""One table says what an outcome is called, how it looks and how it counts: every page and export asks it."""

from __future__ import annotations

import csv
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from patching import standing
from patching.models import AssetPatchState, Enrolment, Run, Target
from patching.operations.control import worth_a_retry
from patching.operations.runs import plan_occurrence
from patching.queries.runs import progress
from patching.standing import Group, Standing
from patching.states import RunState, TargetState, Verdict
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW
NEW = "mended_in_place"  # a verdict that the product does not know


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ana() -> Client:
    client = Client()
    client.force_login(cast.ana())
    return client


def ended(state: TargetState, verdict: str) -> Target:
    """The one server of a run that is over, and what is remembered of it."""
    window, asset = cast.a_window(), cast.an_asset(name="pay-01")
    Enrolment.objects.create(asset=asset, window=window, by=cast.ana(), since=NOW)
    run = plan_occurrence(window, window.recurrence.next(NOW, 1)[0], now=NOW)
    assert run
    Run.objects.filter(pk=run.pk).update(state=RunState.FINISHED)
    run.targets.update(state=state, verdict=verdict, reason="As the host said.")
    target = run.targets.get()
    AssetPatchState.objects.create(
        asset=asset, last_run=run, last_target=target, last_run_at=run.starts_at,
        last_state=state, last_verdict=verdict, last_reason="As the host said.",
    )  # fmt: skip
    return target


def places(client: Client, target: Target) -> dict[str, str]:
    """Every page and export that tells what became of the server."""
    run, asset = target.run_id, target.asset_id
    addresses = {
        "run": reverse("patching:run", args=[run]),
        "report": reverse("reports:run-report", args=[run]),
        "export": reverse("reports:run-report-csv", args=[run]),
        "my servers": reverse("reports:my-servers"),
        "servers' export": reverse("reports:servers-csv"),
        "server": reverse("reports:server", args=[asset]),
    }
    return {name: b"".join(client.get(address)).decode() for name, address in addresses.items()}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        *((TargetState.DONE, verdict) for verdict in Verdict),
        (TargetState.BLOCKED, ""),
        (TargetState.LOST, ""),
    ],
)
def test_an_outcome_has_one_word_wherever_it_is_told(ana: Client, state: TargetState, verdict: str) -> None:
    word = standing.standing_of(state, verdict).word
    missing = [name for name, page in places(ana, ended(state, verdict)).items() if word not in page]
    assert not missing


def test_a_new_verdict_is_one_row_of_the_table(ana: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Standing("Mended in place", Group.NEEDS_YOU, updated=True, retryable=True)
    monkeypatch.setitem(standing.TABLE, (TargetState.DONE, NEW, False), row)
    target = ended(TargetState.DONE, NEW)
    pages = places(ana, target)
    assert all("Mended in place" in page for page in pages.values())
    for name in ("run", "report"):  # a choice of the filter too
        assert f'value="{NEW}"' in pages[name]
    assert worth_a_retry(target)


def test_a_new_verdict_counts_as_its_row_says(ana: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Standing("Mended in place", Group.NEEDS_YOU, retryable=True)
    monkeypatch.setitem(standing.TABLE, (TargetState.DONE, NEW, False), row)
    target = ended(TargetState.DONE, NEW)
    counts = progress(target.run)
    assert (counts.needs_you, counts.retryable, counts.proven, counts.total) == (1, 1, 0, 1)
    assert found(ana, reverse("patching:run", args=[target.run_id]), show="needs_you")
    assert not found(ana, reverse("patching:run", args=[target.run_id]), show="success")
    assert found(ana, reverse("reports:my-servers"), state="needs_you")
    assert not found(ana, reverse("reports:my-servers"), state="success")


def found(client: Client, address: str, **wanted: str) -> list[Any]:
    return list(client.get(address, wanted).context["page"].rows)


def test_an_unknown_outcome_counts_and_looks_the_same_everywhere(ana: Client) -> None:
    """It was grey in the table, red in the report and counted as failed in the bar of the same page."""
    target = ended(TargetState.DONE, Verdict.UNKNOWN)
    run = ana.get(reverse("patching:run", args=[target.run_id]))
    report = ana.get(reverse("reports:run-report", args=[target.run_id]))
    server = ana.get(reverse("reports:my-servers"))
    looks = [
        (run.context["rows"][0]["label"], run.context["rows"][0]["tone"]),
        (report.context["rows"][0]["word"], report.context["rows"][0]["tone"]),
        (server.context["rows"][0].label, server.context["rows"][0].tone),
    ]
    assert set(looks) == {("Outcome unknown", "danger")}
    assert run.context["counts"].needs_you == report.context["counts"].needs_you == 1
    for page in (run, report, server):
        assert "1 needs you" in page.content.decode()


def test_the_export_of_a_run_tells_the_word_beside_the_stored_values(ana: Client) -> None:
    target = ended(TargetState.DONE, Verdict.PATCHED_REBOOT_PENDING)
    answer = ana.get(reverse("reports:run-report-csv", args=[target.run_id]))
    header, row = csv.reader(b"".join(answer).decode().splitlines())  # type: ignore[call-overload]
    told = dict(zip(header, row, strict=True))
    assert (told["verdict"], told["outcome"]) == ("patched_reboot_pending", "Reboot pending")
