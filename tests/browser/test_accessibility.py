"""axe finds nothing, in both themes, on a desk and on a phone; nothing scrolls sideways."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from exceptions.operations import submit
from patching.models import Run
from patching.states import TargetState
from portal.access.models import User
from portal.inventory.models import Asset
from tests import cast
from tests.browser.site import fleet, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
SIZES = {"desk": (1280, 900), "phone": (360, 780)}


def pages_of(run: Run) -> dict[str, tuple[str, list[str]]]:
    """Part of the site → who looks at it, and its addresses."""
    asset = run.targets.order_by("pk").first().asset_id  # type: ignore[union-attr]
    today = timezone.now().date() + timedelta(days=1)
    request = submit(
        assets=[Asset.objects.get(name="pay-09")], from_date=today, to_date=today + timedelta(days=3),
        time_zone="UTC", category="audit", reason="Auditors are in the building.", by=cast.ana(), now=timezone.now(),
    )  # fmt: skip
    one, window = f"ids={asset}", "/windows/saturday-night/"
    failed = run.targets.get(state=TargetState.BLOCKED).asset_id
    owner = [
        "/",
        "/?q=pay-01+pay-02+no-such-server",
        f"/servers/{failed}/",
        f"/servers/{asset}/packages/",
        "/notifications/",
        "/coverage/",
        f"/servers/{asset}/",
        f"/pick-window/?{one}",
        f"/exceptions/ask/?{one}",
        "/search/?q=pay",
    ]
    approver = ["/exceptions/inbox/", f"/exceptions/{request.pk}/", "/exceptions/"]
    runs = [
        "/tonight/",
        "/runs/",
        f"/runs/{run.pk}/",
        f"/runs/{run.pk}/report/",
        f"/runs/{run.pk}/changes/",
        "/reports/",
    ]
    people, account = f"/people/{cast.ana().pk}/", f"/aws-accounts/{Asset.objects.get(pk=asset).account_id}/"
    desk = ["/aws-accounts/", "/aws-accounts/new/", account, "/people/", "/people/new/", people, f"{people}change/",
            "/accounts/password/change/", "/accounts/sessions/", "/audit/", "/audits/", "/people/sign-in/",
            "/people/sign-in/rules/new/", "/people/sign-in/try/", f"{people}identities/", f"{account}role/",
            "/recurring-faults/", "/sending/pause/", "/windows/new/", f"{window}retire/"]  # fmt: skip
    steer = [f"/runs/{run.pk}/{page}/" for page in ("retry", "extend", "halt")]
    shaped = ["/windows/", window, f"{window}plan/", f"{window}edit/", "/no-such-page/"]
    return {
        "entrance": ("", ["/accounts/login/", "/accounts/password/reset/"]),
        "owner": ("ana", owner),
        "approver": ("bo", approver),
        "runs": ("ada", [*runs, *steer, *shaped]),
        "desk": ("ada", desk),
    }


@pytest.mark.parametrize("part", ["entrance", "owner", "approver", "runs", "desk"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages(live_server: LiveServer, browser: Browser, scheme: str, size: str, part: str) -> None:
    (username, paths), problems = pages_of(fleet())[part], []
    width, height = SIZES[size]
    context = browser.new_context(
        color_scheme=scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": height},
        bypass_csp=True,  # axe itself is injected; the policy is watched by the journeys
    )
    page = context.new_page()
    if username:
        sign_in(page, live_server.url, User.objects.get(username=username))
    for path in paths:
        page.goto(live_server.url + path)
        problems += [f"{path}: {problem}" for problem in found_on(page)]
    context.close()
    assert not problems, "\n".join(problems)


def found_on(page: Page) -> list[str]:
    found = [
        f"{rule['id']} ({rule['impact']}): {rule['nodes'][0]['html'][:140]}"
        for rule in Axe().run(page).response["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"):
        found.append("it scrolls sideways")
    return found
