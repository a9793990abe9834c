"""What hosts withhold, and the release that they are pinned to, from their reports to LastPatched and every page."""

from __future__ import annotations

import csv

import pytest
from django.test import Client
from django.urls import reverse

from patching.models import AssetPatchState, Target
from patching.queries.runs import progress
from patching.states import TargetState, Verdict
from tests import cast
from tests.integration.patching.stage import Stage

PINNED = {"in_use": "2023.8.20250818", "newest": "2023.9.20251208", "pinned": True}


@pytest.fixture
def ana() -> Client:
    client = Client()
    client.force_login(cast.ana())
    return client


def ended(stage: Stage, **policy: object) -> list[Target]:
    """1 withholds nothing, 2 an ordinary update, 3 one for security, 4 is pinned to a release."""
    for number in (1, 2, 3, 4):
        stage.cloud.add(number)
    one, two, three, four = stage.cloud.hosts.values()
    one.withheld, two.withheld, three.withheld = (0, 0), (2, 0), (2, 1)
    four.release = PINNED
    stage.set(policy=policy)
    stage.to_the_end()
    return list(stage.run.targets.order_by("instance_id"))


@pytest.mark.parametrize("newest", [False, True])
def test_facts_beside_the_six_verdicts(stage: Stage, ana: Client, newest: bool) -> None:
    targets = ended(stage, newest_release=newest)
    found = [(row.verdict, row.withheld_count, row.behind) for row in targets]
    assert found == [
        (Verdict.PATCHED, 0, False),
        (Verdict.PATCHED, 2, False),
        (Verdict.PARTLY, 2, False),
        (Verdict.PATCHED, None, newest),
    ]
    stamp = stage.run.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [stage.tag(number, "LastPatched") for number in (1, 2, 3, 4)] == [stamp, stamp, None, stamp]
    states = AssetPatchState.objects.order_by("asset__instance_id")
    assert [(state.withheld_count, state.release, state.last_behind) for state in states] == [
        (0, "", False), (2, "", False), (2, "", False), (None, PINNED["in_use"], newest),
    ]  # fmt: skip
    counts = progress(stage.run)
    assert (counts.success, counts.needs_you, counts.proven) == ((2, 2, 3) if newest else (3, 1, 3))
    assert told_on_pages(ana, stage, "needs_you") == ({3, 4} if newest else {3})
    assert_pages_say_it(ana, stage, newest)


def told_on_pages(client: Client, stage: Stage, group: str) -> set[int]:
    """The hosts that each list shows in a group: all lists agree."""
    run = reverse("patching:run", args=[stage.run.pk])
    own = {row.asset_id for row in client.get(run, {"show": group}).context["page"].rows}
    mine = {
        row.pk for row in client.get(reverse("reports:my-servers"), {"state": group}).context["page"].rows
    }
    assert own == mine
    everyone = list(stage.run.targets.order_by("instance_id").values_list("asset_id", flat=True))
    return {everyone.index(pk) + 1 for pk in own}


def assert_pages_say_it(client: Client, stage: Stage, newest: bool) -> None:
    mine = client.get(reverse("reports:my-servers")).content.decode()
    report = client.get(reverse("reports:run-report", args=[stage.run.pk])).content.decode()
    assert mine.count("2 withheld<") == report.count("2 withheld<") == 2
    assert "2 servers withheld updates by settings of their own." in report
    assert "pinned to release 2023.8.20250818" in report
    word = "Patched, older release" if newest else "Patched"
    pinned = stage.run.targets.get(release=PINNED["in_use"])
    page = client.get(reverse("reports:server", args=[pinned.asset_id])).content.decode()
    assert all(text in page for text in ("2023.9.20251208", word, "pinned to"))
    export = b"".join(client.get(reverse("reports:run-report-csv", args=[stage.run.pk])))  # type: ignore[call-overload]
    rows = {row["instance id"]: row for row in csv.DictReader(export.decode().lstrip("\ufeff").splitlines())}
    row = rows[pinned.instance_id]
    assert (row["outcome"], row["release"], row["newest release"]) == (
        word,
        PINNED["in_use"],
        PINNED["newest"],
    )
    assert sorted(row["withheld by the host"] for row in rows.values()) == ["", "0", "2", "2"]


def test_a_run_for_security_says_so_to_the_check(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.set(policy={"mode": "security"})
    stage.until(lambda: stage.run.targets.filter(state=TargetState.READY).exists())
    sent = [request for _, request in stage.cloud.commands.values()]
    assert [request.parameters["Mode"] for request in sent] == [["security"]]
