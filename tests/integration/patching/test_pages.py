"""Who may open which page, what stands on it, and how many queries it costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from patching.models import Enrolment, Run, SendingPause, Target, Window
from patching.operations.runs import plan_occurrence
from patching.states import RunState, TargetState, Verdict
from portal.access.models import User
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from tests import cast

pytestmark = pytest.mark.django_db
NOW = cast.NOW
MOST_QUERIES = 12
PAGES = ("tonight", "runs", "run", "live", "windows", "window", "plan")


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def browser(user: User) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client


def enrol(window: Window, *assets: Asset) -> None:
    Enrolment.objects.bulk_create(
        Enrolment(asset=asset, window=window, by=cast.ana(), since=NOW - timedelta(days=9))
        for asset in assets
    )


def a_run(count: int = 3, **facts) -> tuple[Window, Run]:
    """A patching run of payments servers: one good, one blocked with a reason, the others waiting."""
    window = cast.a_window(**facts)
    enrol(window, *(cast.an_asset() for _ in range(count)))
    run = plan_occurrence(window, datetime(2026, 12, 5, 21, tzinfo=UTC), now=NOW)
    targets = list(run.targets.order_by("pk"))
    Target.objects.filter(pk=targets[0].pk).update(state=TargetState.DONE, verdict=Verdict.PATCHED)
    Target.objects.filter(pk=targets[1].pk).update(
        state=TargetState.BLOCKED, reason="Only 12 MB are free on /var, 900 are needed."
    )
    Run.objects.filter(pk=run.pk).update(state=RunState.PATCHING, started_at=NOW)
    return window, Run.objects.get(pk=run.pk)


def pages(window: Window, run: Run) -> list[str]:
    return [
        reverse("patching:tonight"), reverse("patching:runs"), reverse("patching:run", args=[run.pk]),
        reverse("patching:run-live", args=[run.pk]), reverse("patching:windows"),
        reverse("patching:window", args=[window.slug]), reverse("patching:plan", args=[window.slug]),
    ]  # fmt: skip


def admin_pages(window: Window, run: Run) -> list[str]:
    return [
        reverse("patching:window-new"), reverse("patching:window-edit", args=[window.slug]),
        reverse("patching:window-retire", args=[window.slug]), reverse("patching:pause"),
        reverse("patching:halt", args=[run.pk]), reverse("patching:cancel", args=[run.pk]),
        reverse("patching:retry", args=[run.pk]), reverse("patching:extend", args=[run.pk]),
        reverse("patching:skip", args=[run.pk]) + f"?target={run.targets.last().pk}",
    ]  # fmt: skip


def test_tonight_names_the_next_start_that_patches_somebody():
    cast.a_window(name="Nobody's", slug="nobodys", weekday=NOW.weekday())
    later = cast.a_window(name="Somebody's", slug="somebodys", weekday=(NOW.weekday() + 2) % 7)
    enrol(later, cast.an_asset())
    seen = browser(cast.ada()).get(reverse("patching:tonight")).content.decode()
    assert "Nothing is being patched now. Next: Somebody&#x27;s" in seen
    assert "Nobody&#x27;s" in seen


class TestWhoMayOpenIt:
    def test_everybody_concerned_opens_every_page(self):
        window, run = a_run()
        for person in (cast.ana(), cast.bo(), cast.ada(), cast.audrey()):
            for address in pages(window, run):
                assert browser(person).get(address).status_code == 200, (person, address)

    def test_a_stranger_gets_404_for_a_run_and_sees_no_server_of_others(self):
        window, run = a_run()
        label = run.targets.first().asset.label
        for name in ("run", "run-live", "halt", "cancel", "retry", "skip", "extend"):
            assert browser(cast.cy()).get(reverse(f"patching:{name}", args=[run.pk])).status_code == 404, name
        for address in pages(window, run):
            assert label not in browser(cast.cy()).get(address).content.decode(), address

    def test_admin_pages_refuse_others_with_the_sentence(self):
        window, run = a_run()
        for address in admin_pages(window, run):
            answer = browser(cast.ana()).get(address)
            assert answer.status_code == 403, address
            assert "This needs the role patch admin" in answer.content.decode(), address
            assert browser(cast.ada()).get(address).status_code == 200, address

    def test_admin_acts_refuse_others_and_change_nothing(self):
        window, run = a_run()
        for name, args in (("start-now", [window.slug]), ("halt", [run.pk]), ("pause", []), ("resume", []),
                           ("retry", [run.pk]), ("skip", [run.pk]), ("extend", [run.pk]),
                           ("window-retire", [window.slug])):  # fmt: skip
            address = reverse(f"patching:{name}", args=args)
            assert browser(cast.ana()).post(address, {"reason": "x", "kind": "full"}).status_code == 403, name
        run.refresh_from_db()
        window.refresh_from_db()
        assert (run.state, window.active, Run.objects.count()) == (RunState.PATCHING, True, 1)
        assert not SendingPause.objects.filter(paused=True).exists()

    def test_whoever_is_not_signed_in_goes_to_the_entrance(self):
        window, run = a_run()
        for address in pages(window, run) + admin_pages(window, run):
            assert Client().get(address).status_code == 302, address


class TestOwnersSeeTheirPart:
    def test_of_a_shared_run(self):
        window, run = a_run()
        other = cast.an_asset(application="intranet", name="secret-host")
        Target.objects.create(run=run, asset=other, account_id="1", region="r", instance_id="i-1", platform="linux",
                              state=TargetState.LOST, reason="secret reason", since=NOW)  # fmt: skip
        enrol(window, other)
        seen = browser(cast.ana()).get(reverse("patching:run", args=[run.pk])).content.decode()
        assert "1 of 3 servers is patched." in seen
        assert "secret" not in seen
        assert (
            "secret-host" in browser(cast.ada()).get(reverse("patching:run", args=[run.pk])).content.decode()
        )
        for name in ("window", "plan"):
            address = reverse(f"patching:{name}", args=[window.slug])
            assert "secret-host" not in browser(cast.ana()).get(address).content.decode(), name

    def test_of_the_log(self):
        _, run = a_run()
        other = cast.an_asset(application="intranet")
        mine = run.targets.first().asset
        for subject, words in ((other, "others: lost"), (mine, "mine: done")):
            AuditEvent.objects.create(actor="Patch Portal", kind="target.done", subject_type="asset",
                                      subject_id=str(subject.pk), run_id=run.pk, summary=words)  # fmt: skip
        seen = browser(cast.ana()).get(reverse("patching:run", args=[run.pk])).content.decode()
        assert "mine: done" in seen
        assert "others: lost" not in seen


@pytest.mark.parametrize("person", [cast.ana, cast.ada, cast.bo])
def test_pages_cost_the_same_for_10_rows_and_50(person):
    def cost(window: Window, run: Run) -> dict[str, int]:
        client, found = browser(person()), {}
        for name, address in zip(PAGES, pages(window, run), strict=True):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert client.get(address).status_code == 200
            found[name] = len(queries)
        return found

    small = cost(*a_run(10))
    large = cost(*a_run(50))
    assert small == large
    assert {name: count for name, count in large.items() if count > MOST_QUERIES} == {}
