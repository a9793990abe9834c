"""The morning of an owner: what became of the night is on the first page, and twelve servers move in a few clicks."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from patching.models import AssetPatchState, Enrolment, Run
from patching.states import RunState, TargetState
from tests import cast
from tests.browser.site import fleet, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
MOST_CLICKS = 6
MOST_REQUESTS, MOST_BYTES = 8, 40 * 1024
NAMES = [f"app-{number:02}" for number in range(1, 13)]
LIST = "\n".join([*NAMES, "no-such-server"])  # as a spreadsheet's column is copied


@pytest.fixture
def run(live_server: LiveServer) -> Run:
    """Last night's, and thirty servers that are in no window."""
    found = fleet()
    night = timezone.now() - timedelta(hours=9)
    open_rows = found.targets.filter(state__in=[TargetState.IN_DISPATCH, TargetState.READY])
    AssetPatchState.objects.filter(asset__in=open_rows.values("asset")).update(last_state=TargetState.LOST)
    open_rows.update(state=TargetState.LOST, reason="No answer came until long after the window.")
    Run.objects.filter(pk=found.pk).update(
        state=RunState.FINISHED,
        starts_at=night,
        cutoff_at=night + timedelta(hours=3),
        ends_at=night + timedelta(hours=4),
    )
    for number in range(1, 31):
        cast.an_asset(name=f"app-{number:02}")
    return found


class Hand:
    """Clicks on what is in sight, and counts; or only types."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0

    def click(self, target: Locator) -> None:
        self.clicks += 1
        target.click()
        self.page.wait_for_load_state()

    def paste(self, text: str) -> None:
        self.page.evaluate("text => navigator.clipboard.writeText(text)", text)
        self.page.keyboard.press("Control+V")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, target: Locator, most: int) -> None:
        """With the Tab key alone."""
        for _ in range(most):
            self.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"{target} is more than {most} Tabs away")


@pytest.fixture
def ana(run: Run, live_server: LiveServer, browser: Browser) -> Iterator[Hand]:
    """She has just signed in."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    sign_in(page, live_server.url, cast.ana())
    yield Hand(page)
    context.close()


def test_last_nights_answer_is_on_the_first_page(run: Run, ana: Hand) -> None:
    page = ana.page
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Last run: 1 of your 5 planned servers is patched. 4 need you. 1 left out."
    )
    groups = page.get_by_role("rowheader")
    expect(groups).to_have_text(["Need you 4", "In no window 36", "Left out 1", "Patched 1"])
    for name in ("pay-01", "pay-02"):
        expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_text("/ has 12 MB free; 900 MB are needed.")).to_be_visible()
    expect(page.get_by_role("link", name="pay-00")).to_be_hidden()
    assert ana.clicks == 0
    ana.click(page.locator("tr.group summary"))
    expect(page.get_by_role("link", name="pay-00")).to_be_visible()


def test_the_good_ones_unfold_without_scripts(run: Run, live_server: LiveServer, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, live_server.url, cast.ana())
    expect(page.get_by_role("link", name="pay-00")).to_be_hidden()
    page.locator("tr.group summary").click()
    expect(page.get_by_role("link", name="pay-00")).to_be_visible()
    context.close()


def test_a_failed_check_says_what_to_do_and_is_checked_again_in_two_clicks(run: Run, ana: Hand) -> None:
    run.targets.filter(state=TargetState.BLOCKED).update(reason_code="disk_full")
    page = ana.page
    ana.click(page.get_by_role("link", name="pay-02"))
    expect(page.get_by_text("Free space on the volume that is named, or enlarge it.")).to_be_visible()
    expect(page.get_by_text("This is for the owner of the server.")).to_be_visible()
    ana.click(page.get_by_role("button", name="Check again"))
    expect(page.get_by_role("status")).to_contain_text("pay-02 is checked now.")
    assert Run.objects.latest("pk").check_only
    assert ana.clicks == 2


def moved() -> set[str]:
    active = Enrolment.objects.filter(window__slug="second-tuesday", ended_at=None)
    return set(active.values_list("asset__name", flat=True))


def test_twelve_servers_move_in_six_clicks(run: Run, ana: Hand) -> None:
    page = ana.page
    ana.click(page.get_by_role("searchbox", name="Search this list"))
    ana.paste(LIST)
    ana.press("Enter")
    expect(page.get_by_text("1 name is not among your servers: no-such-server")).to_be_visible()
    ana.click(page.get_by_label("Select every server of this page"))
    expect(page.locator("[data-selected-count]")).to_have_text("12")
    ana.click(page.get_by_role("button", name="Pick a window"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("these 12 servers")
    ana.click(page.get_by_role("radio", name="Second Tuesday"))
    ana.click(page.get_by_role("button", name="Enrol 12 servers"))
    expect(page.get_by_role("status")).to_contain_text("12 servers are enrolled in Second Tuesday.")
    assert moved() == set(NAMES)
    assert ana.clicks <= MOST_CLICKS


def test_twelve_servers_move_by_keyboard_alone(run: Run, ana: Hand) -> None:
    page = ana.page
    ana.press("/")
    ana.paste(LIST)
    ana.press("Enter")
    expect(page.get_by_text("1 name is not among")).to_be_visible()
    ana.press("Tab", "a")  # out of the field, which would take the letter
    expect(page.locator("[data-selected-count]")).to_have_text("12")
    ana.press("w")
    expect(page.get_by_role("heading", level=1)).to_contain_text("these 12 servers")
    ana.press("Tab", "Enter")  # the skip link
    ana.tab_to(page.get_by_role("radio").first, most=4)
    while not page.get_by_role("radio", name="Second Tuesday").is_checked():
        ana.press("ArrowDown")
    ana.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("12 servers are enrolled in Second Tuesday.")
    assert moved() == set(NAMES)
    assert ana.clicks == 0


def test_select_all_leaves_folded_servers_alone(run: Run, ana: Hand) -> None:
    page = ana.page
    ana.press("a")
    expect(page.locator("[data-selected-count]")).to_have_text("41")
    assert not page.locator("tbody tr", has_text="pay-00").locator("input").is_checked()


def test_a_first_visit_is_light(run: Run, live_server: LiveServer, browser: Browser) -> None:
    """The first page and all that it needs, each compressed as in production."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, live_server.url, cast.ana())
    signed_in = context.storage_state()
    context.close()
    context = browser.new_context(storage_state=signed_in)  # nothing is in its cache
    page, answers = context.new_page(), []
    page.on("requestfinished", lambda request: answers.append(request.response()))
    page.goto(live_server.url, wait_until="networkidle")
    loaded = sum(len(gzip.compress(answer.body(), mtime=0)) for answer in answers if answer)
    context.close()
    assert len(answers) <= MOST_REQUESTS
    assert 10_000 < loaded <= MOST_BYTES
