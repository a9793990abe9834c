"""Waves on the pages, and the pages on which an admin steers a run."""

from __future__ import annotations

import pytest
import time_machine
from django.urls import reverse

from patching.models import Run, Target, Window
from patching.states import RunState, TargetState, Verdict, WaveState
from tests import cast
from tests.integration.patching.test_pages import NOW, a_run, browser, enrol
from tests.integration.patching.test_pages_acts import text

pytestmark = pytest.mark.django_db
CANARY = {"waves": [{"name": "Canary", "count": 1, "bake_s": 600}]}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def failed(run: Run) -> Target:
    target = run.targets.order_by("-pk").first()
    Target.objects.filter(pk=target.pk).update(
        state=TargetState.DONE, verdict=Verdict.FAILED, reason="dpkg ended with 100"
    )
    return target


class TestWaves:
    def test_the_plan_tells_who_goes_when(self):
        window = cast.a_window(policy=CANARY)
        enrol(window, cast.an_asset(), cast.an_asset(), cast.an_asset())
        seen = text(browser(cast.ana()).get(reverse("patching:plan", args=[window.slug])))
        assert "1. Canary" in seen
        assert "1 server, then wait 10 min" in seen
        assert "2. The rest" in seen

    def test_the_run_page_shows_each_wave_with_its_counts(self):
        _, run = a_run(policy=CANARY)
        assert run.waves.count() == 2
        run.waves.filter(number=1).update(state=WaveState.PASSED)
        seen = text(browser(cast.ana()).get(reverse("patching:run", args=[run.pk])))
        assert "1. Canary" in seen
        assert "2. The rest" in seen
        assert "Passed" in seen

    def test_a_run_all_at_once_shows_no_waves(self):
        _, run = a_run()
        assert "Waves" not in text(browser(cast.ana()).get(reverse("patching:run", args=[run.pk])))

    def test_the_form_reads_and_shows_them(self):
        window = cast.a_window(policy=CANARY)
        address = reverse("patching:window-edit", args=[window.slug])
        seen = text(browser(cast.ada()).get(address))
        assert "1 server, then wait 10 min" in seen
        form = {"name": window.name, "frequency": "weekly", "weekday": window.weekday, "start_time": "22:00",
                "time_zone": window.time_zone, "duration_minutes": 240, "cutoff_minutes": 60, "mode": "all",
                "reboot": "if-needed", "fixes": "all", "concurrency": 200, "stop_at_error_percent": 20,
                "min_free_mb": 900, "waves": "5 %\nEnvironment = test", "alarms": "shop-5xx\n",
                "target_groups": "shop\n\nshop-api", "healthy_percent": 75}  # fmt: skip
        assert browser(cast.ada()).post(address, form).status_code == 302
        policy = Window.objects.get(pk=window.pk).run_policy
        assert [rule.words for rule in policy.wave_rules] == ["5 %", "Environment = test"]
        assert list(policy.alarms) == ["shop-5xx"]
        assert (list(policy.target_groups), policy.healthy_percent) == (["shop", "shop-api"], 75)
        answer = browser(cast.ada()).post(address, form | {"target_groups": "arn:aws:elasticloadbalancing:x"})
        assert answer.status_code == 422
        assert "is not the name of a target group" in text(answer)
        answer = browser(cast.ada()).post(address, form | {"waves": "a few"})
        assert answer.status_code == 422
        assert "does not describe a wave" in text(answer)
        answer = browser(cast.ada()).post(address, form | {"waves": "1, then wait 180 min"})
        assert answer.status_code == 422
        assert "leave no time before the cutoff" in text(answer)


class TestSteering:
    def test_tries_one_failed_server_again(self):
        _, run = a_run()
        target = failed(run)
        address = reverse("patching:retry", args=[run.pk]) + f"?target={target.pk}"
        page = text(browser(cast.ada()).get(reverse("patching:run", args=[run.pk])))
        assert f"?target={target.pk}" in page
        assert f"Try {target.asset.label} again?" in text(browser(cast.ada()).get(address))
        answer = browser(cast.ada()).post(address, {"reason": ""})
        assert (answer.status_code, "Write a reason." in text(answer)) == (422, True)
        assert browser(cast.ada()).post(address, {"reason": "Mirror is back."}).status_code == 302
        target.refresh_from_db()
        assert (target.state, target.attempt) == (TargetState.WAITING, 2)

    def test_all_failed_ones_of_a_run_that_is_over_get_a_run_of_their_own(self):
        _, run = a_run()
        failed(run)
        Run.objects.filter(pk=run.pk).update(state=RunState.FINISHED)
        answer = browser(cast.ada()).post(reverse("patching:retry", args=[run.pk]), {"reason": "Again."})
        again = Run.objects.exclude(pk=run.pk).get()
        assert answer.url == reverse("patching:run", args=[again.pk])
        assert again.targets.count() == 2  # the failed one and the blocked one

    def test_the_button_counts_what_its_page_lists(self):
        _, run = a_run()
        failed(run)
        run.targets.filter(state=TargetState.DONE, verdict=Verdict.PATCHED).update(
            state=TargetState.LOST, verdict=Verdict.UNKNOWN
        )
        page = text(browser(cast.ada()).get(reverse("patching:run", args=[run.pk])))
        listed = text(browser(cast.ada()).get(reverse("patching:retry", args=[run.pk])))
        assert "Try 3 servers again…" in page
        assert "Try 3 servers again?" in listed

    @pytest.mark.parametrize("act", ["halt", "cancel", "extend"])
    def test_what_is_over_offers_no_form_and_says_why(self, act):
        _, run = a_run()
        Run.objects.filter(pk=run.pk).update(state=RunState.FINISHED, finished_at=NOW)
        page = text(browser(cast.ada()).get(reverse(f"patching:{act}", args=[run.pk])))
        assert f"there is nothing to {act}" in page
        assert 'name="reason"' not in page

    def test_nothing_to_try_again_is_said(self):
        _, run = a_run()
        run.targets.update(state=TargetState.DONE, verdict=Verdict.PATCHED)
        assert "Nothing is left to try again" in text(
            browser(cast.ada()).get(reverse("patching:retry", args=[run.pk]))
        )

    def test_leaves_one_out_and_says_when_it_is_too_late(self):
        _, run = a_run()
        target = run.targets.order_by("-pk").first()
        address = reverse("patching:skip", args=[run.pk]) + f"?target={target.pk}"
        assert browser(cast.ada()).post(address, {"reason": "Its owner called."}).status_code == 302
        target.refresh_from_db()
        assert target.state == TargetState.SKIPPED
        answer = browser(cast.ada()).post(address, {"reason": "Once more."})
        assert answer.status_code == 409
        assert "only what has not been sent can be left out" in text(answer)

    @pytest.mark.parametrize("asked", ["", "?target=", "?target=x", "?target=-1", "?target=999999999999999"])
    def test_a_nonsense_server_is_refused(self, asked):
        _, run = a_run()
        answer = browser(cast.ada()).get(reverse("patching:skip", args=[run.pk]) + asked)
        assert answer.status_code in {400, 404, 422}, answer.status_code

    def test_moves_the_cutoff(self):
        _, run = a_run()
        address = reverse("patching:extend", args=[run.pk])
        answer = browser(cast.ada()).post(address, {"minutes": 500, "reason": "Slow."})
        assert (answer.status_code, "choose 1 to 240" in text(answer)) == (422, True)
        assert browser(cast.ada()).post(address, {"minutes": 30, "reason": "Slow."}).status_code == 302
        before = run.cutoff_at
        run.refresh_from_db()
        assert (run.cutoff_at - before).total_seconds() == 1800
