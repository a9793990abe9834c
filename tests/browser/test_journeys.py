"""Owner, approver, admin and stranger walk through the site in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from exceptions.models import ExceptionRequest
from patching.models import Enrolment, Run, SendingPause
from portal.access.models import User
from tests import cast
from tests.browser.site import HOSTILE, fleet, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(live_server: LiveServer) -> Run:
    return fleet()


@pytest.fixture(autouse=True)
def quiet(page: Page) -> Iterator[None]:
    """No script error and no breach of the content security policy on any page of a journey."""
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" and "404" not in message.text and "403" not in message.text:
            said.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield
    assert not said


def test_an_owner_enrols_servers_and_takes_it_back(run: Run, live_server: LiveServer, page: Page) -> None:
    sign_in(page, live_server.url, cast.ana())
    expect(page.get_by_text("1 of your 12 servers was patched in the last 30 days")).to_be_visible()
    assert page.get_by_text("intranet-1").count() == 0
    page.get_by_role("searchbox", name="Search this list").fill("pay-0")
    page.keyboard.press("Enter")
    page.get_by_label("Select pay-07").check()
    page.get_by_label("Select pay-08").check()
    page.get_by_role("button", name="Pick a window").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("2 servers")
    page.get_by_role("radio", name="Second Tuesday").check()
    page.get_by_role("button", name="Enrol 2 servers").click()
    expect(page.get_by_role("status")).to_contain_text("Second Tuesday")
    enrolled = Enrolment.objects.filter(window__slug="second-tuesday", ended_at=None)
    assert enrolled.count() == 2
    page.get_by_role("button", name="Undo").first.click()
    page.wait_for_load_state()
    assert enrolled.count() == 0


def test_an_owner_asks_and_an_approver_approves(run: Run, live_server: LiveServer, page: Page) -> None:
    sign_in(page, live_server.url, cast.ana())
    page.goto(f"{live_server.url}/?q=pay-09")
    page.get_by_label("Select pay-09").check()
    page.get_by_role("button", name="Ask for an exception").click()
    page.get_by_label("Reason", exact=True).fill("The ledger migration runs that week.")
    page.get_by_label("Kind of reason").select_option("release")
    page.get_by_role("button", name="Ask for 1 server").click()
    expect(page.get_by_text("Waiting for approval").first).to_be_visible()
    # The requester cannot decide it, and reads who can.
    assert page.get_by_role("button", name="Approve").count() == 0
    expect(page.get_by_text("With Bo")).to_be_visible()
    page.context.clear_cookies()
    sign_in(page, live_server.url, cast.bo())
    page.get_by_role("link", name="The ledger migration").click()
    page.get_by_role("region", name="Decide").get_by_role("button", name="Approve").click()
    page.wait_for_load_state()
    assert ExceptionRequest.objects.get().state == "active"


def test_an_admin_watches_pauses_and_halts(run: Run, live_server: LiveServer, page: Page) -> None:
    sign_in(page, live_server.url, cast.ada())
    page.goto(f"{live_server.url}/runs/{run.pk}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("patched")
    expect(page.get_by_text("/ has 12 MB free; 900 MB are needed.").first).to_be_visible()
    page.get_by_role("link", name="Pause sending").first.click()
    page.get_by_label("Reason").fill("A fire drill.")
    page.get_by_role("button", name="Pause all sending").click()
    expect(page.get_by_text("A fire drill.").first).to_be_visible()
    assert SendingPause.objects.get().paused
    page.get_by_role("button", name="Resume sending").first.click()
    page.wait_for_load_state()
    assert not SendingPause.objects.get().paused
    page.goto(f"{live_server.url}/runs/{run.pk}/")
    page.get_by_role("button", name="Halt this run").or_(
        page.get_by_role("link", name="Halt this run")
    ).click()
    page.get_by_label("Reason").last.fill("The shop is down.")
    page.get_by_role("button", name="Halt").last.click()
    page.wait_for_load_state()
    run.refresh_from_db()
    assert (run.state, run.reason) == ("halting", "The shop is down.")


@pytest.mark.parametrize(
    "path", ["/servers/{asset}/", "/runs/{run}/", "/runs/{run}/report/", "/runs/{run}/report.csv"]
)
def test_a_stranger_finds_nothing(run: Run, live_server: LiveServer, page: Page, path: str) -> None:
    sign_in(page, live_server.url, cast.cy())
    asset = run.targets.first().asset_id
    answer = page.goto(live_server.url + path.format(asset=asset, run=run.pk))
    assert answer
    assert answer.status == 404


def test_a_name_that_looks_like_html_is_only_text(run: Run, live_server: LiveServer, page: Page) -> None:
    sign_in(page, live_server.url, cast.ana())
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    assert page.locator("main img").count() == 0


def test_the_first_row_is_three_tabs_away(run: Run, live_server: LiveServer, page: Page) -> None:
    sign_in(page, live_server.url, cast.ana())
    page.goto(live_server.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    focused = page.evaluate("document.activeElement.closest('tr') !== null")
    assert focused, "j moves into the list"


def test_the_site_works_without_scripts(run: Run, live_server: LiveServer, browser) -> None:  # type: ignore[no-untyped-def]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    person: User = cast.ana()
    sign_in(page, live_server.url, person)
    page.get_by_label("Select pay-07").check()
    page.get_by_role("button", name="Pick a window").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("pay-07")
    context.close()
