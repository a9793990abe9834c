"""One server is checked again by its owner: what it starts, who may, and what is remembered of the answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from exceptions.operations import approve, submit
from patching.models import AssetPatchState, Run, Target
from patching.operations import ad_hoc
from patching.states import RunState, TargetState, Verdict
from portal.access.models import User
from portal.access.rules import Conflict
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from tests import cast
from tests.integration.patching.stage import Stage
from tests.integration.patching.test_pages import NOW, a_run, browser

pytestmark = pytest.mark.django_db
T = TargetState


@pytest.fixture
def moment():
    with time_machine.travel(NOW, tick=False):
        yield


def blocked(code: str = "disk_full") -> Target:
    """Of a run that is over, and remembered of its server."""
    cast.bo()
    _, run = a_run()
    run.targets.filter(state=T.BLOCKED).update(reason_code=code)
    run.targets.exclude(state=T.BLOCKED).update(state=T.DONE, verdict=Verdict.PATCHED)
    Run.objects.filter(pk=run.pk).update(state=RunState.FINISHED, starts_at=NOW - timedelta(days=1))
    target = run.targets.select_related("asset", "run").get(state=T.BLOCKED)
    AssetPatchState.objects.create(
        asset=target.asset, last_run=run, last_target=target, last_state=T.BLOCKED, last_reason=target.reason,
        last_run_at=NOW,
    )  # fmt: skip
    return target


def press(person: User, asset: Asset) -> tuple[Client, object]:
    client = browser(person)
    return client, client.post(reverse("patching:check-again", args=[asset.pk]))


@pytest.mark.usefixtures("moment")
class TestTheButton:
    @pytest.mark.parametrize("person", [cast.ana, cast.ada])
    def test_it_starts_a_run_that_only_checks_this_server(self, person) -> None:
        target = blocked()
        _, answer = press(person(), target.asset)
        run = Run.objects.latest("pk")
        assert answer.headers["Location"] == reverse("patching:run", args=[run.pk])
        assert (run.check_only, run.window, run.created_by) == (True, None, person())
        assert [row.asset for row in run.targets.all()] == [target.asset]
        assert (run.starts_at, run.ends_at - run.starts_at) == (NOW, timedelta(minutes=30))
        [event] = AuditEvent.objects.filter(kind="run.planned", run_id=run.pk)
        assert (event.actor, event.summary) == (person().display_name, f"Started a check by hand: {run.name}")

    @pytest.mark.parametrize(("person", "status"), [(cast.bo, 403), (cast.cy, 404), (cast.audrey, 403)])
    def test_nobody_else_starts_one(self, person, status: int) -> None:
        target = blocked()
        before = Run.objects.count()
        _, answer = press(person(), target.asset)
        assert answer.status_code == status
        assert Run.objects.count() == before

    def test_a_second_press_reads_that_a_check_is_under_way(self) -> None:
        target = blocked()
        press(cast.ana(), target.asset)
        client, answer = press(cast.ada(), target.asset)
        assert answer.headers["Location"] == reverse("reports:server", args=[target.asset.pk])
        page = client.get(answer.headers["Location"]).content.decode()
        assert (
            f"{target.asset.label} is in the run Check of {target.asset.label}, which is under way." in page
        )
        assert "A check is under way" in page
        assert Run.objects.filter(check_only=True).count() == 1

    def test_a_server_that_would_be_left_out_is_told_why_and_leaves_no_run(self) -> None:
        target = blocked()
        made = submit(
            assets=[target.asset], from_date=NOW.date(), to_date=NOW.date() + timedelta(days=3), time_zone="UTC",
            category="audit", reason="Auditors are in the building.", by=cast.ana(), now=NOW,
        )  # fmt: skip
        approve(request=made, by=cast.bo(), now=NOW)
        with pytest.raises(Conflict, match=r"is not checked now\. It is excepted until"):
            ad_hoc.check_again(asset=target.asset, by=cast.ana(), now=NOW)
        assert not Run.objects.filter(check_only=True).exists()

    def test_it_follows_the_policy_of_its_window_without_waves(self) -> None:
        target = blocked()
        target.run.window.policy = {
            "min_free_mb": 1234,
            "waves": [{"name": "Canary", "count": 1, "bake_s": 600}],
        }
        target.run.window.save()
        run = ad_hoc.check_again(asset=target.asset, by=cast.ana(), now=NOW)
        assert (run.run_policy.min_free_mb, run.run_policy.wave_rules) == (1234, ())


@pytest.mark.usefixtures("moment")
class TestWhatThePagesSay:
    def test_the_server_page_says_what_to_do_by_whom_and_when_it_is_patched_then(self) -> None:
        target = blocked()
        page = browser(cast.ana()).get(reverse("reports:server", args=[target.asset.pk])).content.decode()
        assert (
            "Free space on the volume that is named, or enlarge it. This is for the owner of the server."
            in page
        )
        assert "Sat 5 Dec, 22:00 Berlin" in page
        assert "or sooner if a patch admin tries it again." in page
        assert reverse("patching:check-again", args=[target.asset.pk]) in page
        assert reverse("patching:retry", args=[target.run_id]) not in page
        admin = browser(cast.ada()).get(reverse("reports:server", args=[target.asset.pk])).content.decode()
        assert f"{reverse('patching:retry', args=[target.run_id])}?target={target.pk}" in admin

    def test_the_row_of_the_run_says_it_too_while_it_is_the_latest(self) -> None:
        target = blocked("tag_refused")
        address, ana = reverse("patching:run", args=[target.run_id]), browser(cast.ana())
        page = ana.get(address).content.decode()
        assert "Allow the portal to write its tags there. This is for whoever runs its AWS account." in page
        assert f'formaction="{reverse("patching:check-again", args=[target.asset.pk])}"' in page
        assert 'formaction="' not in browser(cast.bo()).get(address).content.decode()
        AssetPatchState.objects.update(last_target=None)
        assert "This is for" not in ana.get(address).content.decode()

    def test_an_exception_on_the_next_start_is_told(self) -> None:
        target = blocked()
        made = submit(
            assets=[target.asset], from_date=NOW.date(), to_date=NOW.date() + timedelta(days=3), time_zone="UTC",
            category="audit", reason="Auditors are in the building.", by=cast.ana(), now=NOW,
        )  # fmt: skip
        approve(request=made, by=cast.bo(), now=NOW)
        page = browser(cast.ana()).get(reverse("reports:server", args=[target.asset.pk])).content.decode()
        assert "passes it by all the same: It is excepted until" in " ".join(page.split())

    def test_in_no_window_only_a_retry_patches_it(self) -> None:
        target = blocked()
        target.asset.enrolments.update(ended_at=NOW)
        page = browser(cast.ana()).get(reverse("reports:server", args=[target.asset.pk])).content.decode()
        assert "It is in no window, so it is patched only if a patch admin tries it again." in page


def test_a_check_that_passes_ends_the_failed_one_and_patches_nothing(stage: Stage) -> None:
    host = stage.cloud.add(1, precheck="blocked")
    stage.set()
    stage.to_the_end()
    state = AssetPatchState.objects.get()
    assert (state.last_state, state.last_patched_at) == (T.BLOCKED, None)

    stage.run = ad_hoc.check_again(asset=state.asset, by=cast.ana(), now=stage.clock())
    stage.to_the_end()
    state.refresh_from_db()
    assert (state.last_state, state.last_run) == (T.BLOCKED, stage.run)

    host.precheck = "ready"
    stage.run = ad_hoc.check_again(asset=state.asset, by=cast.ana(), now=stage.clock())
    stage.to_the_end()
    state.refresh_from_db()
    assert (state.last_state, state.last_verdict, state.last_run) == (T.DONE, "", stage.run)
    assert state.last_patched_at is None
    assert not [1 for _, sent in stage.cloud.commands.values() if "-Patch-" in sent.document_name]
    page = browser(cast.ana()).get(reverse("reports:server", args=[state.asset_id])).content.decode()
    assert "It passes its check now." in page


def test_a_check_that_passes_takes_away_no_good_news(stage: Stage) -> None:
    stage.cloud.add(1)
    stage.set()
    stage.to_the_end()
    state = AssetPatchState.objects.get()
    patched = state.last_run
    stage.run = ad_hoc.check_again(asset=state.asset, by=cast.ana(), now=stage.clock())
    stage.to_the_end()
    state.refresh_from_db()
    assert (state.last_run, state.last_verdict) == (patched, Verdict.PATCHED)
