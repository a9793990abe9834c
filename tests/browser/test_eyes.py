"""What eyes meet: one line a row, nothing wider than a phone, and paper that can be read."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from patching.models import Dispatch, DispatchTarget, HostReport, Run, Target
from patching.states import TargetState, Verdict
from portal.audit.models import AuditEvent
from tests import cast
from tests.browser.site import fleet, sign_in
from tests.browser.test_accessibility import found_on

pytestmark = pytest.mark.django_db(transaction=True)
RED_HAT, AMAZON = "5.14.0-427.13.1.el9_4.x86_64", "6.1.112-122.189.amzn2023.x86_64"
SAID = "No answer from the results bucket: AccessDenied on s3:PutObject."
LANDSCAPE = re.compile(rb"/MediaBox \[0 0 (7[89]\d|84[12])")  # Letter or A4, the long side first


@pytest.fixture
def run(live_server: LiveServer) -> Run:
    """Forty servers with long kernels, twenty of which say the same sentence, and a log of all of them."""
    run, now = fleet(), timezone.now()
    assets = [cast.an_asset(name=f"ledger-{number:02}") for number in range(40)]
    for number, asset in enumerate(assets):
        failed = number % 2
        Target.objects.create(
            run=run, asset=asset, account_id=asset.account.account_id, region=asset.region, since=now, wave=2,
            instance_id=asset.instance_id, platform="linux", os_label="Red Hat Enterprise Linux 9.4 (Plow)",
            state=TargetState.BLOCKED if failed else TargetState.DONE, verdict="" if failed else Verdict.PATCHED,
            reason=SAID if failed else "", kernel_before=RED_HAT, kernel_after="" if failed else AMAZON,
        )  # fmt: skip
        AuditEvent.objects.create(
            actor="Patch Portal", kind="target.lost", subject_type="asset", subject_id=str(asset.pk), run_id=run.pk,
            summary=f"{asset.label}: lost. {SAID}",
        )  # fmt: skip
    return run


def a_report(run: Run, **facts: Any) -> HostReport:
    """As wide as hosts make them: names and keys without a blank in them."""
    target, now = run.targets.order_by("pk").first(), timezone.now()
    assert target
    dispatch = Dispatch.objects.create(
        run=run, phase="patch", account_id=target.account_id, region=target.region, batch=0, claimed_at=now,
        document_name="PatchPortal-Patch-Linux", document_hash="0" * 64, instance_ids=[target.instance_id],
        send_before=now + timedelta(hours=1), state="collected",
    )  # fmt: skip
    row = DispatchTarget.objects.create(dispatch=dispatch, target=target, phase="patch", attempt=1)
    return HostReport.objects.create(
        row=row, target=target, phase="patch", status="patched", source="s3", stored_at=now,
        content={"kernel": AMAZON * 12, "checks": [{"detail": "x" * 300}]}, evidence_key="evidence/" + "k" * 300,
    )  # fmt: skip


@pytest.fixture
def desk(run: Run, live_server: LiveServer, page: Page) -> Page:
    page.set_viewport_size({"width": 1280, "height": 900})
    sign_in(page, live_server.url, cast.ada())
    return page


@pytest.mark.parametrize("path", ["/runs/{}/", "/runs/{}/report/"])
def test_a_row_is_one_line_and_its_focus_shows_the_whole_kernel(
    run: Run, live_server: LiveServer, desk: Page, path: str
) -> None:
    desk.goto(live_server.url + path.format(run.pk))
    rows = desk.locator(".targets, .report").locator("tbody tr").filter(has_text="ledger-")
    expect(rows).to_have_count(40)
    heights = rows.evaluate_all("rows => rows.map((row) => row.getBoundingClientRect().height)")
    assert sum(height > 44 for height in heights) == 1, "one row says the sentence; all others are one line"
    assert desk.locator(".targets, .report").get_by_text(SAID).count() == 1
    assert rows.filter(has_text="as ledger-01").count() == 19
    row = rows.filter(has_text="ledger-02").first
    whole = row.locator(".whole")
    assert whole.bounding_box()["width"] <= 1  # type: ignore[index]
    row.locator(".name a").focus()
    expect(whole).to_have_text(f"{RED_HAT} → {AMAZON}")
    assert whole.bounding_box()["width"] > 300  # type: ignore[index]
    assert found_on_without_policy(desk) == []


def found_on_without_policy(page: Page) -> list[str]:
    """Only what needs no script of axe in the page: whether it scrolls sideways."""
    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1")
    return ["it scrolls sideways"] if wide else []


def test_a_host_report_is_no_wider_than_a_phone(run: Run, live_server: LiveServer, browser: Browser) -> None:
    report = a_report(run)
    context = browser.new_context(viewport={"width": 360, "height": 740}, bypass_csp=True)
    page = context.new_page()
    sign_in(page, live_server.url, cast.ada())
    asset = report.target.asset_id
    for path in (f"/servers/{asset}/reports/{report.pk}/", f"/servers/{asset}/reports/{report.pk}/evidence/"):
        page.goto(live_server.url + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert found_on(page) == [], path
    context.close()


@pytest.mark.parametrize(("path", "sheets"), [("/runs/{}/", 6), ("/runs/{}/report/", 4)])
def test_paper_is_landscape_numbered_dated_and_lays_everything_open(
    run: Run, live_server: LiveServer, desk: Page, tmp_path: Path, path: str, sheets: int
) -> None:
    desk.goto(live_server.url + path.format(run.pk))
    printed = desk.pdf(path=tmp_path / "run.pdf", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= sheets
    assert LANDSCAPE.search(printed)
    desk.emulate_media(media="print")
    desk.set_viewport_size({"width": 980, "height": 700})
    stamp = desk.locator(".printed")
    expect(stamp).to_be_visible()
    assert re.match(rf"Printed \w+ \d+ \w+ \d{{4}}, \d\d:\d\d Berlin by Ada, from http.*{path.format(run.pk)}$",
                    " ".join(stamp.inner_text().split()))  # fmt: skip
    for kernel in desk.locator("main .kernel:visible").all()[:8]:
        assert kernel.bounding_box()["height"] < 20  # type: ignore[index]
    expect(desk.get_by_role("banner")).to_be_hidden()
    boxes = desk.locator("main .card:visible").evaluate_all(
        "cards => cards.map((card) => [card.getBoundingClientRect().top, card.getBoundingClientRect().bottom,"
        " card.scrollHeight - card.clientHeight])"
    )
    assert max(hidden for _, _, hidden in boxes) <= 1, "something of a card is printed over what follows"
