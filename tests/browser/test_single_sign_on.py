"""Chromium signs in by a foreign identity provider, by both protocols; groups that changed there count at the next."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from portal.access.models import Grant, User
from portal.federation.models import RoleRule
from portal.identity_providers.reading import read
from tests import cast
from tests.nanoidp_server import PASSWORD, NanoIdp

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = {"olga": ["payments-owners", "staff"], "guest": ["staff"]}


@pytest.fixture(scope="module")
def idp(live_server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NanoIdp]:
    found = NanoIdp(tmp_path_factory.mktemp("idp"), portal=live_server.url, people=PEOPLE)
    (found.folder / "providers.json").write_text(json.dumps(found.providers()))
    yield found
    found.close()


@pytest.fixture
def foreign(idp: NanoIdp, live_server: LiveServer, settings: Settings) -> None:
    settings.PORTAL_URL = live_server.url
    settings.IDENTITY_PROVIDERS = read(str(idp.folder / "providers.json"))
    RoleRule.objects.create(
        position=1, claim="groups", value="*-owners", role="owner", dimension="application", scope="*"
    )
    cast.an_asset(name="pay-01")


def sign_in(page: Page, base: str, provider: str, name: str) -> None:
    page.goto(f"{base}/coverage/")
    page.get_by_role("link", name=f"Sign in with {provider}").click()
    page.locator("input[name=username]").last.fill(name)
    page.locator("input[name=password]").last.fill(PASSWORD)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("provider", ["Foreign OIDC", "Foreign SAML"])
def test_an_owner_comes_in_with_the_role_of_their_group(
    live_server: LiveServer, browser: Browser, foreign: None, provider: str
) -> None:
    page = browser.new_page()
    sign_in(page, live_server.url, provider, "olga")
    page.wait_for_url(f"{live_server.url}/coverage/")
    olga = User.objects.get(email="olga@foreign.example")
    assert {(grant.role, grant.value) for grant in olga.grants.all()} == {("owner", "payments")}
    expect(page.locator("body")).to_contain_text("1 server")
    again = browser.new_page()
    RoleRule.objects.all().delete()
    sign_in(again, live_server.url, provider, "olga")
    again.wait_for_url(f"{live_server.url}/coverage/")
    assert not Grant.objects.exists()
    expect(again.locator("body")).to_contain_text("You have no role yet")
    again.close()
    page.close()


def test_a_guest_without_a_role_is_not_let_in_and_reads_whom_to_ask(
    live_server: LiveServer, browser: Browser, foreign: None
) -> None:
    cast.ada()
    page = browser.new_page()
    sign_in(page, live_server.url, "Foreign SAML", "guest")
    expect(page.locator("h1")).to_have_text("You are not signed in")
    expect(page.locator("body")).to_contain_text("ada@example.com")
    assert not User.objects.filter(username__startswith="guest").exists()
    page.close()
