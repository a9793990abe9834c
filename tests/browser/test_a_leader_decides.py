"""A business leader decides on a phone: the taps are counted, and the buttons are measured where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from exceptions.models import ExceptionRequest
from exceptions.operations import submit
from patching.models import AssetPatchState, Enrolment, Window
from portal.inventory.models import Asset
from tests import cast
from tests.browser.site import fleet, sign_in
from tests.browser.test_accessibility import found_on

pytestmark = pytest.mark.django_db(transaction=True)
WIDTH, HEIGHT, THUMB = 360, 740, 44
MOST_TAPS = 3
FACTS = ("Decide by", "Skips", "Patched next", "Stays open", "Last patched", "Overlaps", "Before")


class Thumb:
    """Taps what is in sight, and counts."""

    def __init__(self, page: Page) -> None:
        self.page, self.taps = page, 0

    def tap(self, target: Locator) -> None:
        self.taps += 1
        target.tap()
        self.page.wait_for_load_state()


@pytest.fixture
def waiting(live_server: LiveServer) -> ExceptionRequest:
    """A request for two servers that are in a window, and an older one for one of them."""
    fleet()
    now, today = timezone.now(), timezone.now().date()
    assets = [Asset.objects.get(name=name) for name in ("pay-08", "pay-09")]
    for asset in assets:
        Enrolment.objects.create(
            asset=asset, window=Window.objects.get(slug="saturday-night"), by=cast.ana(), since=now
        )
        AssetPatchState.objects.create(
            asset=asset, available_count=12, security_count=3, last_run_at=now - timedelta(days=9),
            last_patched_at=now - timedelta(days=41), security_open_since=now - timedelta(days=40),
        )  # fmt: skip
    for covered, days in ((assets[:1], 30), (assets, 13)):
        made = submit(
            assets=covered, from_date=today, to_date=today + timedelta(days=days), time_zone="Europe/Berlin",
            category="audit", by=cast.ana(), now=now - timedelta(hours=days),
            reason=f"External auditors work on these servers for {days} days.",
        )  # fmt: skip
    return made


@pytest.fixture
def phone(waiting: ExceptionRequest, live_server: LiveServer, browser: Browser) -> Iterator[Thumb]:
    """Bo has just signed in."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, has_touch=True, bypass_csp=True
    )
    page = context.new_page()
    sign_in(page, live_server.url, cast.bo())
    yield Thumb(page)
    context.close()


def test_a_case_with_all_its_facts_is_decided_in_three_taps(waiting: ExceptionRequest, phone: Thumb) -> None:
    page = phone.page
    expect(page.get_by_role("heading", level=1)).to_have_text("2 requests wait for your decision.")
    expect(page.get_by_role("banner").get_by_role("link", name="Inbox , 2 waiting for you")).to_be_visible()
    phone.tap(page.get_by_role("link", name="External auditors work on these servers for 13"))
    for fact in FACTS:
        expect(page.get_by_role("term").filter(has_text=fact)).to_be_visible()
    expect(page.get_by_role("link", name="ana@example.com")).to_have_attribute("href", "mailto:ana@example.com?subject="
                                                                             f"Exception%20{waiting.pk}")  # fmt: skip
    for name in ("Approve until", "Reject", "Ask for changes"):
        box = page.get_by_role("region", name="Decide").get_by_role("button", name=name).bounding_box()
        assert box
        assert box["height"] >= THUMB, name
        assert 0 <= box["y"] <= HEIGHT - box["height"], f"{name} is out of sight"
    phone.tap(page.get_by_role("button", name=f"Approve until {waiting.to_date:%-d %b}"))
    expect(page.get_by_role("status")).to_contain_text("Approved.")
    assert phone.taps <= MOST_TAPS
    waiting.refresh_from_db()
    assert waiting.state == "active"


def test_a_refused_rejection_marks_its_field_and_the_way_to_it_is_a_tap(
    waiting: ExceptionRequest, phone: Thumb
) -> None:
    page = phone.page
    phone.tap(page.get_by_role("link", name="External auditors work on these servers for 13"))
    phone.tap(page.get_by_role("button", name="Reject"))
    field = page.get_by_label("Your reason")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert found_on(page) == []
    page.get_by_role("link", name="Write a reason").tap()
    expect(field).to_be_in_viewport(ratio=1)
    bar = page.get_by_role("region", name="Decide").bounding_box()
    box = field.bounding_box()
    assert box
    assert bar
    assert box["y"] + box["height"] <= bar["y"], "the bar covers the field"
    field.fill("Not in this week.")
    page.get_by_role("button", name="Reject").tap()
    expect(page.get_by_role("status")).to_contain_text("Rejected.")


def test_fewer_days_are_granted_without_leaving_the_page(waiting: ExceptionRequest, phone: Thumb) -> None:
    page, until = phone.page, waiting.to_date - timedelta(days=4)
    phone.tap(page.get_by_role("link", name="External auditors work on these servers for 13"))
    page.get_by_label("Last day, still unpatched").fill(until.isoformat())
    phone.tap(page.get_by_role("button", name="Approve until this day only"))
    expect(page.get_by_text("4 days fewer than asked for").first).to_be_visible()
    waiting.refresh_from_db()
    assert waiting.to_date == until
