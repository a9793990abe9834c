"""Moving servers without a mouse: select, act, search."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from patching.models import Enrolment
from tests import cast
from tests.browser.site import fleet, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fleet_page(live_server: LiveServer, page: Page) -> Page:
    """The owner's list."""
    fleet()
    sign_in(page, live_server.url, cast.ana())
    return page


def test_after_x_the_next_tab_leads_to_what_can_be_done(fleet_page: Page) -> None:
    press(fleet_page, "j", "j", "x", "Tab")
    everything = fleet_page.get_by_label("that match")
    expect(everything).to_be_focused()
    press(fleet_page, "Shift+Tab")
    assert fleet_page.evaluate("document.activeElement.closest('tr').querySelector('.check input').checked")
    press(fleet_page, "x", "Tab")  # unselected again: nothing can be done, so Tab goes on as usual
    expect(everything).not_to_be_focused()


def test_selected_servers_are_moved_by_keys_alone(fleet_page: Page) -> None:
    press(fleet_page, "j", "x", "j", "x", "w")
    expect(fleet_page.get_by_role("heading", level=1)).to_contain_text("2 servers")
    fleet_page.get_by_role("radio", name="Second Tuesday").press("Space")
    fleet_page.get_by_role("button", name="Enrol 2 servers").press("Enter")
    expect(fleet_page.get_by_role("status")).to_contain_text("Second Tuesday")
    assert Enrolment.objects.filter(window__slug="second-tuesday", ended_at=None).count() == 2


def test_a_key_of_the_bar_does_nothing_while_nothing_is_selected(fleet_page: Page) -> None:
    address = fleet_page.url
    press(fleet_page, "j", "w")
    assert fleet_page.url == address


def test_a_search_keeps_the_focus(fleet_page: Page) -> None:
    press(fleet_page, "/")
    fleet_page.keyboard.type("pay-0")
    press(fleet_page, "Enter")
    fleet_page.wait_for_url("**q=pay-0*")
    expect(fleet_page.get_by_role("searchbox", name="Search this list")).to_be_focused()
    fleet_page.reload()
    expect(fleet_page.get_by_role("searchbox", name="Search this list")).not_to_be_focused()


def test_the_foot_shows_the_keys(fleet_page: Page) -> None:
    fleet_page.get_by_role("button", name="for keys").click()
    expect(fleet_page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
