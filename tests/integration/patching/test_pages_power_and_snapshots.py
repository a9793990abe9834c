"""The pages of a server's power and snapshots: what stands there, who may act, and in which words it is refused."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.urls import reverse

from aws.states import HIBERNATED
from patching.models import PowerHold, Restore, RootSnapshot, Run, SchedulerHold
from patching.states import HoldState, RestoreState, SnapshotState
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from tests import cast
from tests.integration.patching.test_pages import NOW, a_run, browser, enrol

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def text(answer) -> str:
    """What a reader reads: no tags, single blanks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def held(run: Run, **facts) -> Asset:
    """A server that the run has started."""
    asset = run.targets.order_by("pk").first().asset
    PowerHold.objects.create(asset=asset, run=run, state=HoldState.HELD, wanted_at=NOW, **facts)
    return asset


def snapshot_of(run: Run, **facts) -> RootSnapshot:
    target = run.targets.order_by("pk").first()
    known = {
        "state": SnapshotState.COMPLETED, "snapshot_id": "snap-0abc", "volume_id": "vol-1", "taken_at": NOW,
        "wanted_at": NOW, "due_at": NOW, "expires_at": NOW + timedelta(days=7),
    }  # fmt: skip
    return RootSnapshot.objects.create(
        target=target, run=run, asset=target.asset, account_id=target.account_id, region=target.region,
        instance_id=target.instance_id, **(known | facts),
    )  # fmt: skip


def power_and_snapshots(person, asset: Asset) -> str:
    return text(browser(person).get(reverse("patching:power-and-snapshots", args=[asset.pk])))


class TestServer:
    def test_an_idle_server_says_so(self):
        seen = power_and_snapshots(cast.ana(), cast.an_asset())
        assert "No run keeps it started now" in seen

    def test_a_started_one_tells_its_run_and_offers_to_keep_it(self):
        _, run = a_run()
        asset = held(run)
        SchedulerHold.objects.create(asset=asset, run=run, key="Schedule", value="office-hours", held_at=NOW)
        seen = power_and_snapshots(cast.ana(), asset)
        assert "stops it again when it is done" in seen
        assert "Schedule said office-hours" in seen
        assert "Keep it running…" in seen
        assert "Keep it running…" not in power_and_snapshots(cast.audrey(), asset)

    def test_a_stop_that_ec2_refuses_says_why_and_when_it_is_tried_again(self):
        _, run = a_run()
        asset = held(run)
        PowerHold.objects.update(
            state=HoldState.RELEASING,
            reason="EC2 did not stop it: It is protected.",
            stop_attempts=2,
            due_at=NOW,
        )
        seen = power_and_snapshots(cast.ana(), asset)
        assert "no longer needs it. EC2 did not stop it: It is protected. Tried 2 times, next" in seen

    def test_one_that_was_left_running_says_so_while_it_runs(self):
        _, run = a_run()
        asset = held(run)
        PowerHold.objects.update(state=HoldState.NOT_STOPPED, reason="EC2 did not stop it: It is protected.")
        said = f"Left running {run.name} had started it, and could not stop it again. EC2 did not stop it"
        assert said in power_and_snapshots(cast.ana(), asset)
        Asset.objects.filter(pk=asset.pk).update(state="stopped")
        assert "Left running" not in power_and_snapshots(cast.ana(), asset)

    def test_a_hibernated_one_says_what_runs_do_with_it(self):
        asset = cast.an_asset()
        Asset.objects.filter(pk=asset.pk).update(state="stopped", state_reason=HIBERNATED)
        seen = power_and_snapshots(cast.ana(), asset)
        assert f"{asset.label} is hibernated. No snapshot of it is kept." in seen
        assert "Its memory waits on its root volume" in seen

    def test_htmx_gets_the_card_alone_and_it_asks_again_only_while_something_moves(self):
        _, run = a_run()
        asset = held(run)
        address = reverse("patching:power-and-snapshots", args=[asset.pk])
        card = browser(cast.ana()).get(address, headers={"HX-Request": "true"}).content.decode()
        assert card.startswith('<section class="card" id="power-and-snapshots"')
        assert "every 4s" in card
        PowerHold.objects.update(state=HoldState.RELEASED)
        assert "every 4s" not in browser(cast.ana()).get(address).content.decode()

    def test_strangers_find_nothing(self):
        _, run = a_run()
        row = snapshot_of(run)
        for name, key in [("power-and-snapshots", row.asset_id), ("keep-running", row.asset_id)]:
            assert browser(cast.cy()).get(reverse(f"patching:{name}", args=[key])).status_code == 404
        assert browser(cast.cy()).get(reverse("patching:restore", args=[row.pk])).status_code == 403

    def test_the_server_page_has_the_hole(self):
        asset = cast.an_asset()
        page = browser(cast.ana()).get(reverse("reports:server", args=[asset.pk])).content.decode()
        assert reverse("patching:power-and-snapshots", args=[asset.pk]) in page


class TestKeepRunning:
    def test_the_owner_keeps_it(self):
        _, run = a_run()
        asset = held(run)
        address = reverse("patching:keep-running", args=[asset.pk])
        assert "would stop it again" in text(browser(cast.ana()).get(address))
        answer = browser(cast.ana()).post(address, {"reason": "A load test."})
        assert answer.status_code == 302
        hold = PowerHold.objects.get()
        assert (hold.kept_by, hold.keep_reason) == (cast.ana(), "A load test.")
        assert "Ana keeps it running: A load test." in power_and_snapshots(cast.bo(), asset)
        assert AuditEvent.objects.get(kind="power.keep").actor == "Ana"

    def test_without_a_reason_or_too_late_it_is_refused(self):
        _, run = a_run()
        asset = held(run)
        address = reverse("patching:keep-running", args=[asset.pk])
        assert browser(cast.ana()).post(address, {"reason": ""}).status_code == 422
        PowerHold.objects.update(state=HoldState.RELEASING)
        late = browser(cast.ana()).post(address, {"reason": "Please."})
        assert late.status_code == 409
        assert "being stopped at this moment" in text(late)

    def test_an_approver_may_look_but_not_keep(self):
        _, run = a_run()
        asset = held(run)
        answer = browser(cast.bo()).post(
            reverse("patching:keep-running", args=[asset.pk]), {"reason": "Mine."}
        )
        assert answer.status_code == 403
        assert PowerHold.objects.get().kept_by is None


class TestRestore:
    def test_an_admin_reads_what_happens_and_asks(self):
        _, run = a_run()
        row = snapshot_of(run)
        address = reverse("patching:restore", args=[row.pk])
        assert (
            address
            in browser(cast.ada())
            .get(reverse("patching:power-and-snapshots", args=[row.asset_id]))
            .content.decode()
        )
        seen = text(browser(cast.ada()).get(address))
        assert "The server restarts" in seen
        assert "The present root volume stays in the account" in seen
        assert browser(cast.ada()).post(address, {"reason": ""}).status_code == 422
        answer = browser(cast.ada()).post(address, {"reason": "The shop broke."})
        assert answer.status_code == 302
        restore = Restore.objects.get()
        assert (restore.state, restore.requested_by, restore.reason) == (
            RestoreState.WANTED,
            cast.ada(),
            "The shop broke.",
        )
        shown = power_and_snapshots(cast.ana(), row.asset)
        assert "Asked for" in shown
        assert "The shop broke." in shown

    @pytest.mark.parametrize("person", [cast.ana, cast.bo, cast.audrey])
    def test_nobody_else(self, person):
        _, run = a_run()
        row = snapshot_of(run)
        address = reverse("patching:restore", args=[row.pk])
        assert browser(person()).post(address, {"reason": "Now."}).status_code == 403
        assert "Put back…" not in power_and_snapshots(person(), row.asset)
        assert not Restore.objects.exists()

    def test_what_cannot_be_restored_now_says_why(self):
        _, run = a_run()
        row = snapshot_of(run, state=SnapshotState.TAKEN)
        address = reverse("patching:restore", args=[row.pk])
        seen = text(browser(cast.ada()).get(address))
        assert "still copying" in seen
        refused = browser(cast.ada()).post(address, {"reason": "Now."})
        assert refused.status_code == 409
        assert "Put back…" not in power_and_snapshots(cast.ada(), row.asset)

    def test_progress_and_failure_are_told(self):
        _, run = a_run()
        row = snapshot_of(run)
        facts = {
            "snapshot": row,
            "asset": row.asset,
            "reason": "Why.",
            "requested_by": cast.ada(),
            "due_at": NOW,
        }
        restore = Restore.objects.create(
            state=RestoreState.RUNNING, progress="in-progress", requested_at=NOW, **facts
        )
        assert "EC2 says in-progress." in power_and_snapshots(cast.ana(), row.asset)
        Restore.objects.filter(pk=restore.pk).update(state=RestoreState.FAILED, error="EC2 refused it.")
        assert "EC2 refused it." in power_and_snapshots(cast.ana(), row.asset)


class TestRunAndPlan:
    def test_the_run_page_counts_them(self):
        _, run = a_run(policy={"snapshot": "root"})
        asset = held(run)
        snapshot_of(run, state=SnapshotState.TAKEN)
        address = reverse("patching:run-power-and-snapshots", args=[run.pk])
        assert address in browser(cast.ana()).get(reverse("patching:run", args=[run.pk])).content.decode()
        page = browser(cast.ana()).get(address)
        seen = text(page)
        assert "Servers that were stopped: 1 Running for the run" in seen
        assert "Root volumes: 1 Taken, still being copied" in seen
        assert reverse("patching:keep-running", args=[asset.pk]) in page.content.decode()

    def test_the_run_page_names_what_it_left_running(self):
        _, run = a_run()
        held(run)
        PowerHold.objects.update(state=HoldState.NOT_STOPPED, reason="EC2 did not stop it: It is protected.")
        seen = text(browser(cast.ana()).get(reverse("patching:run-power-and-snapshots", args=[run.pk])))
        assert "EC2 did not stop 1 server, left running until somebody does:" in seen
        assert "It is protected." in seen

    def test_a_run_without_either_says_so(self):
        _, run = a_run()
        seen = text(browser(cast.ana()).get(reverse("patching:run-power-and-snapshots", args=[run.pk])))
        assert "started no server" in seen

    def test_servers_of_others_are_not_counted(self):
        _, run = a_run()
        held(run)
        other = cast.an_asset(application="intranet")
        run.targets.create(
            asset=other, account_id="1", region="r", instance_id="i-x", platform="linux", since=NOW
        )
        seen = text(browser(cast.cy()).get(reverse("patching:run-power-and-snapshots", args=[run.pk])))
        assert "started no server" in seen

    def test_the_plan_says_from_when_on_it_starts_servers(self):
        window = cast.a_window(policy={"lead_s": 900})
        slow, fresh = cast.an_asset(state="stopped"), cast.an_asset(state="stopped")
        enrol(window, slow, fresh, cast.an_asset())
        earlier = Run.objects.create(
            name="earlier", time_zone="UTC", starts_at=NOW, cutoff_at=NOW + timedelta(hours=1),
            ends_at=NOW + timedelta(hours=1), created_at=NOW, next_look_at=NOW,
        )  # fmt: skip
        PowerHold.objects.create(
            asset=slow, run=earlier, wanted_at=NOW, started_at=NOW, online_at=NOW + timedelta(minutes=10),
            state=HoldState.RELEASED,
        )  # fmt: skip
        seen = text(browser(cast.ana()).get(reverse("patching:plan", args=[window.slug])))
        # 900 s of lead and the 300 s that 600 s are longer than the assumed 300 s.
        assert "starts 2 stopped servers from 21:40 on, and stops them again after" in seen
        assert "(wakes in 10 min)" in seen

    def test_the_form_of_a_window_takes_the_snapshot(self):
        window = cast.a_window(policy={"snapshot": "root", "snapshot_keep_days": 14})
        page = browser(cast.ada()).get(reverse("patching:window-edit", args=[window.slug])).content.decode()
        assert 'value="14"' in page
        assert '<option value="root" selected>' in page
        seen = text(browser(cast.ana()).get(reverse("patching:window", args=[window.slug])))
        assert "Snapshot before of the root volume, kept 14 days" in seen
