"""What the buttons of the pages do: join and leave windows, undo, pause, halt, start by hand, offer windows."""

from __future__ import annotations

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from patching.models import Enrolment, Run, SendingPause, Window
from patching.states import RunState, TargetState
from tests import cast
from tests.integration.patching.test_pages import NOW, a_run, browser, enrol

pytestmark = pytest.mark.django_db
REFUSED = "One of the chosen servers is not yours, or does not exist."


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def windows_of(*assets) -> list[str | None]:
    active = dict(Enrolment.objects.filter(ended_at=None).values_list("asset_id", "window__name"))
    return [active.get(asset.pk) for asset in assets]


def text(answer) -> str:
    return answer.content.decode()


class TestPickAWindow:
    def test_shows_what_moves_and_three_starts_of_each_window(self):
        old, new = cast.a_window(name="Old window"), cast.a_window(name="New window", slug="new-window")
        inside, outside = cast.an_asset(name="inside"), cast.an_asset(name="outside")
        enrol(old, inside)
        seen = text(
            browser(cast.ana()).get(reverse("patching:pick-window"), {"ids": [inside.pk, outside.pk]})
        )
        assert "moves away from" in seen
        assert "in no window" in seen
        assert seen.count("<li><time") == 3 * 2
        for start in new.recurrence.next(NOW, 3):
            assert f"{start:%Y-%m-%d %H:%M} UTC" in seen

    def test_without_servers_leads_to_the_list(self):
        assert "First choose the servers" in text(browser(cast.ana()).get(reverse("patching:pick-window")))

    def test_takes_thousands_of_ids_in_one_field(self):
        window = cast.a_window()
        assets = [cast.an_asset() for _ in range(30)]
        ids = ",".join(str(asset.pk) for asset in assets)
        browser(cast.ana()).post(reverse("patching:enrol"), {"ids": ids, "window": window.slug})
        assert windows_of(*assets) == [window.name] * 30
        many = ",".join(str(10**9 + number) for number in range(5001))
        answer = browser(cast.ana()).post(reverse("patching:pick-window"), {"ids": many})
        assert answer.status_code == 400
        assert "5,001 servers are too many" in text(answer)

    @pytest.mark.parametrize("strange", ["abc", "-1", "1e5", "99999999999999999999", "٣", "1;drop"])
    def test_strange_ids_are_refused_in_the_same_words(self, strange):
        answer = browser(cast.ana()).get(reverse("patching:pick-window"), {"ids": strange})
        assert (answer.status_code, REFUSED in text(answer)) == (403, True)

    @pytest.mark.parametrize("name", ["pick-window", "enrol", "leave"])
    def test_a_foreign_server_is_refused_and_not_named(self, name):
        window = cast.a_window()
        foreign = cast.an_asset(application="intranet", name="secret-host")
        enrol(window, foreign)
        mine = cast.an_asset()
        data = {"ids": [mine.pk, foreign.pk], "window": window.slug}
        missing = {"ids": [mine.pk, 10**9], "window": window.slug}
        client = browser(cast.ana())
        answers = [client.post(reverse(f"patching:{name}"), sent) for sent in (data, missing)]
        assert [answer.status_code for answer in answers] == [403, 403]
        assert all(REFUSED in text(answer) and "secret-host" not in text(answer) for answer in answers)
        assert windows_of(mine, foreign) == [None, window.name]

    def test_an_approver_sees_but_may_not_move(self):
        asset, window = cast.an_asset(), cast.a_window()
        for sent in (browser(cast.bo()).get, browser(cast.bo()).post):
            assert sent(reverse("patching:pick-window"), {"ids": asset.pk}).status_code == 403
        answer = browser(cast.bo()).post(reverse("patching:enrol"), {"ids": asset.pk, "window": window.slug})
        assert (answer.status_code, windows_of(asset)) == (403, [None])

    def test_a_retired_window_and_none_come_back_with_the_sentence(self):
        asset = cast.an_asset()
        gone = cast.a_window(name="Gone window", active=False)
        client = browser(cast.ana())
        answer = client.post(reverse("patching:enrol"), {"ids": asset.pk, "window": gone.slug})
        assert (answer.status_code, "no longer on offer" in text(answer)) == (403, True)
        answer = client.post(reverse("patching:enrol"), {"ids": asset.pk, "window": "no-such"})
        assert (answer.status_code, "Choose a window for these servers." in text(answer)) == (422, True)


class TestUndo:
    def enrolled(self, client: Client, window: Window, *assets):
        ids = [asset.pk for asset in assets]
        return client.post(reverse("patching:enrol"), {"ids": ids, "window": window.slug}, follow=True)

    def test_the_toast_offers_it_once_and_it_restores_both_kinds(self):
        old, new = cast.a_window(), cast.a_window()
        inside, outside = cast.an_asset(), cast.an_asset()
        enrol(old, inside)
        client = browser(cast.ana())
        page = self.enrolled(client, new, inside, outside)
        assert f"2 servers are enrolled in {new.name}." in text(page)
        assert reverse("patching:undo-enrol") in text(page)
        assert reverse("patching:undo-enrol") not in text(client.get(reverse("patching:windows")))
        done = client.post(reverse("patching:undo-enrol"), follow=True)
        assert "Taken back" in text(done)
        assert windows_of(inside, outside) == [old.name, None]
        assert "nothing to take back" in text(client.post(reverse("patching:undo-enrol"), follow=True))

    def test_leaving_can_be_taken_back(self):
        window, asset = cast.a_window(), cast.an_asset()
        enrol(window, asset)
        client = browser(cast.ana())
        client.post(reverse("patching:leave"), {"ids": asset.pk})
        assert windows_of(asset) == [None]
        client.post(reverse("patching:undo-enrol"))
        assert windows_of(asset) == [window.name]

    def test_never_overwrites_somebody_elses_newer_choice(self):
        first, second = cast.a_window(), cast.a_window()
        asset = cast.an_asset()
        client = browser(cast.ana())
        self.enrolled(client, first, asset)
        self.enrolled(browser(cast.ada()), second, asset)
        assert "moved again since" in text(client.post(reverse("patching:undo-enrol"), follow=True))
        assert windows_of(asset) == [second.name]


class TestPause:
    def test_shows_on_every_page_and_only_admins_can_resume(self):
        ada = browser(cast.ada())
        before = text(ada.get(reverse("patching:windows")))
        assert "Pause sending…" in before
        ada.post(reverse("patching:pause"), {"reason": "Storage <b>maintenance</b>"})
        assert SendingPause.objects.get().paused
        seen = text(ada.get(reverse("patching:windows")))
        assert "All sending is paused" in seen
        assert "Ada" in seen
        assert "Storage &lt;b&gt;maintenance&lt;/b&gt;" in seen
        assert reverse("patching:resume") in seen
        others = text(browser(cast.ana()).get(reverse("patching:windows")))
        assert "All sending is paused" in others
        assert reverse("patching:resume") not in others
        back = ada.post(reverse("patching:resume"), {"next": "/windows/"})
        assert back.url == "/windows/"
        assert "All sending is paused" not in text(ada.get(reverse("patching:windows")))

    def test_needs_a_reason_and_never_leaves_the_site(self):
        ada = browser(cast.ada())
        assert ada.post(reverse("patching:pause"), {"reason": "  "}).status_code == 422
        assert not SendingPause.objects.filter(paused=True).exists()
        answer = ada.post(reverse("patching:pause"), {"reason": "x", "next": "https://evil.example/"})
        assert answer.url == "/tonight/"
        assert ada.post(reverse("patching:resume"), {"next": "//evil.example/"}).url == "/tonight/"


class TestRunPage:
    def test_names_the_reason_of_whoever_needs_somebody(self):
        _, run = a_run()
        seen = text(browser(cast.ana()).get(reverse("patching:run", args=[run.pk])))
        assert "1 of 3 servers is patched." in seen
        assert "Only 12 MB are free on /var" in seen
        assert "Halt this run" not in seen

    def test_filters_and_searches_rows(self):
        _, run = a_run()
        address = reverse("patching:run", args=[run.pk])
        rows = {key: text(browser(cast.ana()).get(address, query, headers={"HX-Target": "targets"})).count("<tr><td")
                for key, query in {"all": {}, "needs you": {"show": "needs_you"}, "done": {"state": "done"},
                                   "verdict": {"verdict": "patched"}, "search": {"q": "12 MB"},
                                   "nul": {"q": "\x00nothing"}, "wrong": {"show": "no-such"}}.items()}  # fmt: skip
        assert rows == {"all": 3, "needs you": 1, "done": 1, "verdict": 1, "search": 1, "nul": 0, "wrong": 0}

    def test_asks_again_only_until_it_is_over(self):
        _, run = a_run()
        address = reverse("patching:run-live", args=[run.pk])
        live = text(browser(cast.ana()).get(address))
        assert "every 2s" in live
        assert "<html" not in live
        Run.objects.filter(pk=run.pk).update(state=RunState.FINISHED, finished_at=NOW)
        assert "every 2s" not in text(browser(cast.ana()).get(address))

    def test_halt_stores_who_and_why(self):
        _, run = a_run()
        address = reverse("patching:halt", args=[run.pk])
        ada = browser(cast.ada())
        assert ada.post(address, {"reason": ""}).status_code == 422
        ada.post(address, {"reason": "Wrong kernel"})
        run.refresh_from_db()
        assert (run.state, run.reason) == (RunState.HALTING, "Wrong kernel")
        assert run.targets.filter(state=TargetState.HALTED).count() == 1
        assert ada.post(address, {"reason": "again"}).status_code == 409

    def test_cancel_takes_back_a_planned_run_only(self):
        _, run = a_run()
        address = reverse("patching:cancel", args=[run.pk])
        assert browser(cast.ada()).post(address, {"reason": "x"}).status_code == 409
        Run.objects.filter(pk=run.pk).update(state=RunState.PLANNED)
        browser(cast.ada()).post(address, {"reason": "x"})
        run.refresh_from_db()
        assert run.state == RunState.CANCELLED
