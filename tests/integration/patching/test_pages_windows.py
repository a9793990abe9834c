"""The plan before a run, starting one by hand, and the forms of windows."""

from __future__ import annotations

import pytest
import time_machine
from django.urls import reverse

from patching.documents import aws_windows
from patching.models import Run, Target, Window
from patching.queries.board import with_group
from patching.standing import standing_of
from patching.states import RunState, TargetState, Verdict
from tests import cast
from tests.integration.patching.test_pages import NOW, a_run, browser, enrol
from tests.integration.patching.test_pages_acts import text

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


class TestPlan:
    def test_tells_who_not_and_why_and_whom_it_starts(self):
        window = cast.a_window()
        enrol(window, cast.an_asset(state="stopped"), cast.an_asset(),
              cast.an_asset(coverage="no_agent", coverage_reasons=["no_agent"]))  # fmt: skip
        seen = text(browser(cast.ana()).get(reverse("patching:plan", args=[window.slug])))
        assert "2 servers will be patched" in " ".join(seen.split())
        assert "No working SSM agent has ever reported from it." in seen
        assert "starts 1 stopped server" in seen
        assert "Pre-check only" not in seen
        admin = text(browser(cast.ada()).get(reverse("patching:plan", args=[window.slug]), {"at": "now"}))
        assert "Patch 2 servers now" in admin
        assert "Pre-check only" in admin

    @pytest.mark.parametrize(("kind", "check_only"), [("full", False), ("check_only", True)])
    def test_an_admin_starts_a_run_by_hand(self, kind, check_only):
        window = cast.a_window()
        enrol(window, cast.an_asset())
        answer = browser(cast.ada()).post(reverse("patching:start-now", args=[window.slug]), {"kind": kind})
        run = Run.objects.get()
        assert (answer.url, run.check_only) == (reverse("patching:run", args=[run.pk]), check_only)

    def test_no_second_run_of_servers_that_are_in_one(self):
        window, run = a_run()
        ada, address = browser(cast.ada()), reverse("patching:start-now", args=[window.slug])
        seen = text(ada.get(reverse("patching:plan", args=[window.slug]), {"at": "now"}))
        assert "1 server of it is in a run that is under way" in seen
        assert seen.count(" disabled>") == 2
        for kind in ("full", "check_only"):
            answer = ada.post(address, {"kind": kind})
            assert (answer.status_code, "which is under way" in text(answer)) == (409, True)
        assert Run.objects.get() == run
        run.targets.update(state=TargetState.DONE, verdict=Verdict.PATCHED)
        assert ada.post(address, {"kind": "full"}).status_code == 302
        answer = ada.post(address, {"kind": "full"})
        assert answer.status_code == 409, "the run that was just started has not been looked at yet"

    def test_a_run_that_is_only_planned_does_not_block_a_start(self):
        window, run = a_run()
        Run.objects.filter(pk=run.pk).update(state=RunState.PLANNED)
        answer = browser(cast.ada()).post(reverse("patching:start-now", args=[window.slug]), {"kind": "full"})
        assert answer.status_code == 302

    def test_nothing_to_start_is_said(self):
        window = cast.a_window()
        address = reverse("patching:start-now", args=[window.slug])
        answer = browser(cast.ada()).post(address, {"kind": "full"})
        assert (answer.status_code, "No server is enrolled" in text(answer)) == (422, True)
        assert browser(cast.ada()).post(address, {"kind": "x"}).status_code == 422
        assert not Run.objects.exists()


class TestWindowForm:
    def values(self, **changed):
        return {"name": "Sunday test", "frequency": "monthly", "weekday": "6", "nth": "3", "start_time": "02:30",
                "time_zone": "Europe/Berlin", "duration_minutes": "180", "cutoff_minutes": "30", "mode": "security",
                "reboot": "if-needed", "fixes": "all", "concurrency": "50", "stop_at_error_percent": "20",
                "min_free_mb": "900"} | changed  # fmt: skip

    def test_previews_then_saves(self):
        ada = browser(cast.ada())
        seen = text(ada.post(reverse("patching:window-new"), self.values(preview="1")))
        assert "nothing is saved yet" in seen
        assert "2026-12-20 01:30 UTC" in seen
        assert not Window.objects.exists()
        answer = ada.post(reverse("patching:window-new"), self.values())
        window = Window.objects.get()
        assert answer.url == reverse("patching:window", args=["sunday-test"])
        assert (window.nth, window.policy) == (3, {"mode": "security", "concurrency": 50})

    def test_editing_keeps_figures_that_the_form_does_not_show(self):
        window = cast.a_window(policy={"lead_s": 60, "mode": "security"})
        ada = browser(cast.ada())
        ada.post(reverse("patching:window-edit", args=[window.slug]),
                 self.values(mode="all", frequency="weekly", nth="3"))  # fmt: skip
        window.refresh_from_db()
        assert (window.name, window.nth, window.policy) == (
            "Sunday test",
            None,
            {"lead_s": 60, "concurrency": 50},
        )

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("cutoff_minutes", "180", "is not inside the window"),
            ("duration_minutes", "99999999999", "choose 15 minutes to 24 hours"),
            ("time_zone", "Mars/Base", "is not a time zone"),
            ("nth", "", "Choose which such weekday"),
            ("concurrency", "0", "“Servers at a time” is 0; choose 1 to 10,000."),
            ("start_time", "25:00", "Enter a valid time."),
            ("name", "ab", "3 to 100"),
            ("name", "<script>alert(1)</script>" * 9, "at most 100 characters"),
        ],
    )
    @pytest.mark.parametrize("preview", [{}, {"preview": "1"}])
    def test_bad_values_come_back_with_a_sentence(self, field, value, sentence, preview):
        answer = browser(cast.ada()).post(
            reverse("patching:window-new"), self.values(**{field: value}) | preview
        )
        previewed_only = preview and field in {"concurrency", "name"} and answer.status_code == 200
        assert previewed_only or (answer.status_code == 422 and sentence in text(answer))
        assert not Window.objects.exists()

    def test_retiring_takes_it_off_the_list(self):
        window = cast.a_window()
        browser(cast.ada()).post(reverse("patching:window-retire", args=[window.slug]))
        assert window.name not in text(browser(cast.ana()).get(reverse("patching:windows")))
        assert window.name in text(browser(cast.ana()).get(reverse("patching:windows"), {"show": "retired"}))
        answer = browser(cast.ana()).get(reverse("patching:window", args=[window.slug]))
        assert "is no longer on offer" in text(answer)


def test_the_board_counts_meanings_as_the_engine_does():
    """The database's group of a target and the tone in memory agree for every state and verdict."""
    _, run = a_run()
    run.targets.all().delete()
    for state in TargetState:
        for verdict in ["", *Verdict] if state == TargetState.DONE else [""]:
            Target.objects.create(run=run, asset=cast.an_asset(), account_id="1", region="r", instance_id="i",
                                  platform="linux", state=state, verdict=verdict, since=NOW)  # fmt: skip
    for row in with_group(run.targets.all()):
        standing = standing_of(row.state, row.verdict)
        assert (row.group, row.rank) == (standing.group, standing.rank), (row.state, row.verdict)


class TestAwsDocumentForWindows:
    """Whoever reads the plan or the run learns that these servers do not guard themselves."""

    def seen(self, window, *names):
        return [text(browser(cast.ada()).get(reverse(name, args=[arg]))) for name, arg in names]

    @pytest.mark.parametrize(
        ("policy", "platform", "warned"),
        [
            ({"windows_method": "aws"}, "windows", True),
            ({"windows_method": "aws"}, "linux", False),
            ({}, "windows", False),
        ],
    )
    def test_plan_and_run_say_it_where_it_is_so(self, policy, platform, warned):
        window, run = a_run(policy=policy)
        run.targets.update(platform=platform)
        for target in run.targets.all():
            type(target.asset).objects.filter(pk=target.asset_id).update(platform=platform)
        pages = self.seen(window, ("patching:plan", window.slug), ("patching:run", run.pk))
        assert [aws_windows.WARNING in page for page in pages] == [warned, warned]

    def test_the_window_says_it_and_the_form_offers_it(self):
        window = cast.a_window(policy={"windows_method": "aws"})
        page, form = self.seen(
            window, ("patching:window", window.slug), ("patching:window-edit", window.slug)
        )
        assert "no guard against a second delivery" in page
        assert "AWS-InstallWindowsUpdates" in form
