"""Sentences that were false in some state, each with the state that showed it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from aws.codes import NOT_SIGNED
from aws.errors import AccessRefused
from patching.models import Run
from patching.states import RunState
from patching.states import TargetState as T
from portal.inventory.models import Account
from portal.inventory.views import accounts
from tests import cast
from tests.fakes import Clock, FakeCloud, raising
from tests.integration.portal.golden.cases import approved
from tests.integration.portal.golden.reading import said
from tests.integration.portal.golden.site import DAY, NOW, Site

pytestmark = pytest.mark.django_db
CANNOT_ENTER = "The portal cannot enter"
ACCOUNT = {"account_id": "555566667777", "name": "Shop", "role_name": "PatchPortal",
           "regions": "eu-central-1"}  # fmt: skip


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    made = FakeCloud(Clock())
    monkeypatch.setattr(accounts, "cloud", lambda: made)
    return made


@pytest.fixture
def site() -> Site:
    return Site().fill()


def browser(person: Any) -> Client:
    client = Client()
    client.force_login(person())
    return client


def lines(person: Any, name: str, *args: Any, **query: str) -> list[str]:
    return said(browser(person).get(reverse(name, args=args), query).content.decode())


def test_an_account_that_cannot_be_entered_is_not_called_connected(cloud: FakeCloud, settings: Any) -> None:
    settings.AWS_EXTERNAL_ID = "agreed-before"
    raising(cloud, "GetCallerIdentity", AccessRefused("AWS does not allow it.", code="AccessDenied"))
    page = browser(cast.ada).post("/aws-accounts/new/", ACCOUNT, follow=True)
    found = said(page.content.decode())
    assert any(CANNOT_ENTER in line for line in found)
    assert not any("connected" in line for line in found)
    assert "> Shop is saved. Below stands what was tried with it." in found


def test_without_credentials_nobody_is_told_that_aws_refuses(cloud: FakeCloud) -> None:
    missing = AccessRefused("The portal has no AWS credentials that it could use.", code=NOT_SIGNED)
    raising(cloud, "GetCallerIdentity", missing)
    page = browser(cast.ada).get(reverse("inventory:account-check", args=[cast.an_account().pk]))
    text = page.content.decode()
    assert "The portal has no AWS credentials, so it cannot enter Payments." in said(text)[1]
    assert "does not allow" not in text
    assert "trust policy" not in text


def test_an_account_that_was_never_read_is_not_without_a_fault() -> None:
    cast.an_account()
    assert "# 1 of 1 account has not been read yet." in lines(cast.ada, "inventory:accounts")
    Account.objects.update(synced_at=NOW)
    assert "# 1 account was last read without a fault." in lines(cast.ada, "inventory:accounts")


def test_the_form_of_an_account_names_the_tags_that_come_before_a_run() -> None:
    found = " ".join(lines(cast.ada, "inventory:account-new"))
    assert "only read until a run starts" not in found
    assert "Picking a window or approving an exception writes a tag" in found


def test_days_that_begin_later_are_not_left_out_from_now_on(site: Site) -> None:
    page = browser(cast.bo).post(
        reverse("exceptions:decide", args=[site.request.pk]), {"act": "approve"}, follow=True
    )
    assert "> Approved. The servers are left out from 7 December 2026 until 18 December 2026." in said(
        page.content.decode()
    )


def test_the_next_starts_inside_an_exception_say_so(site: Site) -> None:
    """All three stood there as if they would patch it."""
    approved(site)  # until 18 December
    page = browser(cast.ana).get(reverse("reports:server", args=[site.assets[0].pk])).content.decode()
    starts = re.findall(r"<li>\s*<time.*?</li>", page.partition("<h2>Next runs</h2>")[2], re.DOTALL)[:3]
    assert ["Left out." in start for start in starts] == [True, True, False]
    assert "It is excepted until 18 December 2026" in starts[0]


def test_the_first_start_after_a_long_exception_is_named(site: Site) -> None:
    request = approved(site)
    type(request).objects.filter(pk=request.pk).update(ends_at=NOW + 60 * DAY)
    page = browser(cast.ana).get(reverse("reports:server", args=[site.assets[0].pk])).content.decode()
    starts = re.findall(r"<li>\s*<time.*?</li>", page.partition("<h2>Next runs</h2>")[2], re.DOTALL)[:4]
    assert ["Left out." in start for start in starts] == [True, True, True, False]
    assert "Feb" in starts[3]


def test_no_link_is_on_its_way_where_no_mail_is_sent(settings: Settings) -> None:
    settings.EMAIL_HOST = ""
    page = Client().get("/accounts/password/reset/done/").content.decode()
    assert "on its way" not in page
    assert "Ask a patch admin" in page
    settings.EMAIL_HOST = "mail.example.com"
    assert "a link to it is on its way" in Client().get("/accounts/password/reset/done/").content.decode()


def test_one_ends_and_two_end(site: Site) -> None:
    approved(site)
    with time_machine.travel(NOW + 10 * DAY, tick=False):
        assert "1 of them ends within a week." in lines(cast.ana, "exceptions:register")[0]


def test_what_is_approved_for_later_is_not_in_force(site: Site) -> None:
    approved(site, first=9)
    assert lines(cast.ana, "exceptions:register")[0] == (
        "# 0 exceptions are in force. 1 is approved and not yet begun."
    )


def test_a_heading_keeps_the_capitals_of_names(site: Site) -> None:
    cast.an_asset(name="mute-1", coverage="no_agent", coverage_reasons=["no_agent"])
    mute = site.account.assets.get(name="mute-1")
    assert lines(cast.ana, "reports:server", mute.pk)[1] == "# mute-1: no working SSM agent."


def test_a_run_that_should_have_begun_does_not_say_that_it_will(site: Site) -> None:
    Run.objects.filter(pk=site.planned.pk).update(starts_at=NOW - timedelta(minutes=30))
    assert "no worker has taken it up yet" in lines(cast.ada, "patching:run", site.planned.pk)[0]


def test_a_plan_of_a_retired_window_patches_nobody(site: Site) -> None:
    type(site.window).objects.update(active=False)
    found = lines(cast.ada, "patching:plan", site.window.slug)
    assert found[0] == "# Saturday night is no longer on offer: no further run of it is made."
    heading = lines(cast.ana, "patching:windows")[0]
    assert heading == "# No server of yours is in a window on offer, so no run patches any."


def test_after_the_cutoff_nothing_is_asked_before_the_window_closes(site: Site) -> None:
    assert "before the window closes" in lines(cast.ada, "patching:run", site.run.pk)[0]
    Run.objects.filter(pk=site.run.pk).update(cutoff_at=NOW - timedelta(minutes=1))
    assert "before the window closes" not in lines(cast.ada, "patching:run", site.run.pk)[0]


def test_a_run_that_patches_nobody_is_not_called_all_done(site: Site) -> None:
    Run.objects.filter(pk=site.run.pk).update(state=RunState.FINISHED)
    site.run.targets.update(state=T.SKIPPED, verdict="", reason="It is excepted.")
    for name in ("patching:run", "reports:run-report"):
        heading = next(line for line in lines(cast.ada, name, site.run.pk) if line[0] == "#")
        assert heading == "# No server is patched. 5 left out.", name


def test_an_audit_that_did_not_end_is_not_hidden_behind_the_one_before(site: Site) -> None:
    from patching.models import RunAudit

    RunAudit.objects.create(state="failed", checked_at=NOW, runs=3, reason="Three workers ended.")
    assert lines(cast.ada, "patching:audits")[0] == "# The last audit did not come to its end."


def test_servers_without_an_owner_can_be_patched(site: Site) -> None:
    site.assets[0].coverage, site.assets[0].coverage_reasons = "no_owner", ["no_owner"]
    site.assets[0].save()
    page = browser(cast.ana).get(reverse("patching:pick-window"), {"ids": site.assets[0].pk}).content.decode()
    assert "cannot be patched yet" not in page
