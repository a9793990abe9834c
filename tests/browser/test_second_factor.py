"""A real Chromium makes a passkey, signs in with it, and sets up an app from the page, within the page's policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import cast
from tests.browser.site import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def named(live_server: LiveServer) -> str:
    """The site by a name: passkeys belong to one."""
    return live_server.url.replace("127.0.0.1", "localhost")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """With a key plugged in that always answers."""
    found = browser.new_page()
    devtools = found.context.new_cdp_session(found)
    devtools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "usb", "hasResidentKey": True, "hasUserVerification": True,
               "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield found
    found.close()


def test_a_passkey_is_made_and_lets_its_owner_in(page: Page, named: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    sign_in(page, named, cast.ana())
    page.goto(f"{named}/accounts/second-factor/passkey/")
    page.get_by_label("Name of the passkey").fill("The key on my desk")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator("h1")).to_contain_text("Keep these recovery codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("table")).to_contain_text("Passkey The key on my desk")
    page.context.clear_cookies()
    page.goto(f"{named}/accounts/login/")
    page.locator("input[name=login]").fill("ana")
    page.locator("input[name=password]").fill(cast.PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(lambda url: "/login" not in url)
    assert not complaints


def test_an_app_is_set_up_from_the_page_and_asked_for(page: Page, named: str) -> None:
    sign_in(page, named, cast.bo())
    page.goto(f"{named}/accounts/second-factor/app/")
    expect(page.locator("svg.qr path")).to_be_visible()
    secret = (page.locator("[data-copy]").get_attribute("data-copy") or "").replace(" ", "")
    step = int(timezone.now().timestamp()) // 30
    page.get_by_label("The code that the app shows").fill(format_hotp_value(hotp_value(secret, step)))
    page.get_by_role("button", name="Set it up").click()
    expect(page.locator(".recovery-codes li")).to_have_count(8)
    page.context.clear_cookies()
    page.goto(f"{named}/accounts/login/")
    page.locator("input[name=login]").fill("bo")
    page.locator("input[name=password]").fill(cast.PASSWORD)
    page.keyboard.press("Enter")
    later = int((timezone.now() + timedelta(seconds=30)).timestamp()) // 30
    page.get_by_label("Code of your app").fill(format_hotp_value(hotp_value(secret, later)))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)
