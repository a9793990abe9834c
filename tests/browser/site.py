"""A small fleet on a live site, and how people walk through it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page

from patching.models import AssetPatchState, Enrolment, PackageChange, Run, Target, Wave, Window
from patching.states import RunState, TargetState, Verdict, WaveState
from portal.access.models import User
from portal.inventory.models import Asset
from tests import cast

POLICY = {"plan_ahead_s": 60, "waves": [{"name": "Canary", "count": 2, "bake_s": 1800}]}
HOSTILE = '<img src=x onerror="alert(1)"> $(reboot) ملقم 服务器'


def fleet() -> Run:
    """Twelve servers of payments, one of a stranger, a window, a run under way with every kind of outcome."""
    for person in (cast.ana, cast.bo, cast.cy, cast.ada):
        person()
    window = cast.a_window(name="Saturday night", slug="saturday-night", policy=POLICY)
    cast.a_window(name="Second Tuesday", slug="second-tuesday", frequency="monthly", weekday=1, nth=2)
    assets = [cast.an_asset(name=f"pay-{number:02}") for number in range(11)] + [cast.an_asset(name=HOSTILE)]
    cast.an_asset(name="intranet-1", application="intranet")
    now = datetime.now(UTC)
    run = Run.objects.create(
        window=window, name="Saturday night", time_zone="Europe/Berlin", state=RunState.PATCHING, starts_at=now,
        cutoff_at=now + timedelta(hours=3), ends_at=now + timedelta(hours=4), created_at=now, started_at=now,
        next_look_at=now + timedelta(days=1), policy=window.run_policy.to_json(),
    )  # fmt: skip
    Wave.objects.create(run=run, number=1, name="Canary", state=WaveState.PASSED, rule=POLICY["waves"][0])
    Wave.objects.create(run=run, number=2, name="The rest", state=WaveState.RUNNING)
    for asset, (state, verdict, reason) in zip(assets[:6], OUTCOMES, strict=True):
        _take_part(run, window, asset, state, verdict, reason, now)
    return run


OUTCOMES = [
    (TargetState.DONE, Verdict.PATCHED, ""),
    (TargetState.DONE, Verdict.FAILED, "The package tool ended with code 100."),
    (TargetState.BLOCKED, "", "/ has 12 MB free; 900 MB are needed."),
    (TargetState.IN_DISPATCH, "", ""),
    (TargetState.READY, "", ""),
    (TargetState.SKIPPED, "", "It is excepted until 12 December 2026 (exception 3)."),
]
CHANGES = [
    ("kernel-core", "6.1.109-118.189.amzn2023", "6.1.112-122.189.amzn2023"),
    ("openssl-libs", "1:3.0.8-1.amzn2023.0.14", "1:3.0.8-1.amzn2023.0.16"),
]


def _take_part(
    run: Run, window: Window, asset: Asset, state: str, verdict: str, reason: str, now: datetime
) -> None:
    Enrolment.objects.create(asset=asset, window=window, by=cast.ana(), since=now)
    target = Target.objects.create(
        run=run, asset=asset, account_id=asset.account.account_id, region=asset.region, since=now, state=state,
        instance_id=asset.instance_id, platform="linux", verdict=verdict, reason=reason,
        os_label="Red Hat Enterprise Linux 9.4 (Plow)",
        wave=2 if state in {TargetState.IN_DISPATCH, TargetState.READY} else 1,
        kernel_before="6.1.109-118.189.amzn2023.x86_64", updated_count=4,
        kernel_after="6.1.112-122.189.amzn2023.x86_64" if verdict == Verdict.PATCHED else "",
    )  # fmt: skip
    if verdict == Verdict.PATCHED:
        PackageChange.objects.bulk_create(
            PackageChange(target=target, asset=asset, name=name, old=old, new=new, kind="upgrade")
            for name, old, new in CHANGES
        )
    AssetPatchState.objects.create(
        asset=asset, last_run=run, last_target=target, last_state=state, last_verdict=verdict, last_reason=reason,
        kernel_running="6.1.112-122.189.amzn2023.x86_64", kernel_previous="6.1.109-118.189.amzn2023.x86_64",
        available_count=0, last_run_at=now,
        last_patched_at=now if verdict == Verdict.PATCHED else None,
    )  # fmt: skip


def sign_in(page: Page, base: str, person: User) -> None:
    page.goto(f"{base}/accounts/login/")
    page.get_by_label("Username").or_(page.locator("input[name=login]")).first.fill(person.username)
    page.locator("input[name=password]").fill(cast.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)
