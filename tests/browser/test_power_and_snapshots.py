"""Power, snapshots and restores in a browser: the hole of the server page fills, and axe finds nothing."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from aws.states import HIBERNATED
from patching.models import PowerHold, Restore, RootSnapshot, Run, SchedulerHold
from patching.states import HoldState, RestoreState, SnapshotState
from portal.access.models import User
from portal.inventory.models import Asset
from tests import cast
from tests.browser.site import fleet, sign_in
from tests.browser.test_accessibility import SIZES, found_on

pytestmark = pytest.mark.django_db(transaction=True)


def snapshots(run: Run) -> tuple[Asset, RootSnapshot]:
    """One server of the run that it has started, with a complete snapshot and a restore that failed."""
    now = timezone.now()
    rows = []
    for target, state in zip(
        run.targets.order_by("pk"),
        [SnapshotState.COMPLETED, SnapshotState.TAKEN, SnapshotState.FAILED],
        strict=False,
    ):
        rows.append(RootSnapshot.objects.create(
            target=target, run=run, asset=target.asset, account_id=target.account_id, region=target.region,
            instance_id=target.instance_id, volume_id="vol-0a1b2c3d4e5f60718", snapshot_id="snap-0a1b2c3d4e5f60718",
            state=state, wanted_at=now, due_at=now, taken_at=now, expires_at=now + timedelta(days=7),
            reason="EC2 refused it: the volume is in error." if state == SnapshotState.FAILED else "",
        ))  # fmt: skip
    asset = rows[0].asset
    PowerHold.objects.create(asset=asset, run=run, state=HoldState.HELD, wanted_at=now)
    SchedulerHold.objects.create(asset=asset, run=run, key="Schedule", value="office-hours", held_at=now)
    Restore.objects.create(
        snapshot=rows[0], asset=asset, state=RestoreState.FAILED, reason="The shop did not start.", requested_at=now,
        requested_by=cast.ada(), due_at=now, finished_at=now,
        error="EC2 could not replace the volume; the host has its old one back.",
    )  # fmt: skip
    return asset, rows[0]


def stubborn(run: Run) -> tuple[Asset, Asset]:
    """One server that EC2 would not stop again, another that is still tried, and one that is hibernated."""
    now = timezone.now()
    said = (
        "EC2 did not stop it: AWS refused StopInstances in account 111122223333, eu-central-1: The instance "
    )
    said += "'i-0a1b2c3d4e5f60718' may not be stopped. Modify its 'disableApiStop' instance attribute and try again. "
    said += "(OperationNotPermitted) Turn its stop protection off, and stop it in EC2 if it shall not run."
    assets = [row.asset for row in run.targets.order_by("pk")]
    left, tried, dozing = assets[1], assets[2], assets[5]
    facts = {"run": run, "wanted_at": now, "reason": said, "stop_attempts": 3, "due_at": now}
    PowerHold.objects.create(asset=left, state=HoldState.NOT_STOPPED, **facts)
    PowerHold.objects.create(asset=tried, state=HoldState.RELEASING, **facts)
    Asset.objects.filter(pk=dozing.pk).update(state="stopped", state_reason=HIBERNATED)
    return left, dozing


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages(live_server: LiveServer, browser: Browser, scheme: str, size: str) -> None:
    run, problems = fleet(), []
    asset, row = snapshots(run)
    Asset.objects.filter(pk__in=run.targets.values("asset")).filter(name__in=["pay-03", "pay-04"]).update(
        state="stopped"
    )
    left, dozing = stubborn(run)
    width, height = SIZES[size]
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": height},
        bypass_csp=True,  # axe itself is injected; the policy is watched by the journeys
    )
    page = context.new_page()
    sign_in(page, live_server.url, User.objects.get(username="ada"))
    for name, path in {
        "server": f"/servers/{asset.pk}/",
        "power": f"/servers/{asset.pk}/power/",
        "left": f"/servers/{left.pk}/power/",
        "dozing": f"/servers/{dozing.pk}/power/",
        "keep": f"/servers/{asset.pk}/keep-running/",
        "restore": f"/snapshots/{row.pk}/restore/",
        "run": f"/runs/{run.pk}/",
        "run-power": f"/runs/{run.pk}/power/",
        "plan": "/windows/saturday-night/plan/",
        "form": "/windows/saturday-night/edit/",
    }.items():
        page.goto(live_server.url + path)
        if name == "server":
            page.get_by_text("Put back…").wait_for()
        if name == "run":
            page.get_by_text("Power and snapshots").click()
            page.get_by_text("keep it running…").wait_for()
        problems += [f"{path}: {problem}" for problem in found_on(page)]
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{scheme}-{size}.png", full_page=True)
    context.close()
    assert not problems, "\n".join(problems)


def test_an_admin_puts_a_root_volume_back(live_server: LiveServer, browser: Browser) -> None:
    run = fleet()
    asset, _ = snapshots(run)
    run.targets.update(state="done")
    page = browser.new_context().new_page()
    sign_in(page, live_server.url, User.objects.get(username="ada"))
    page.goto(f"{live_server.url}/servers/{asset.pk}/")
    page.get_by_text("Put back…").click()
    page.get_by_label("Reason").fill("The update broke the shop.")
    page.get_by_role("button", name="Put the root volume back").click()
    page.get_by_text("is being put back").first.wait_for()
    page.get_by_text("Asked for").wait_for()
    assert Restore.objects.get(state=RestoreState.WANTED).reason == "The update broke the shop."
