"""*Check* names a role that opens without its external id, or with anybody's, and shows what to put on it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from aws.errors import Ambiguous
from portal.inventory.checks import try_account
from portal.inventory.models import Account
from portal.inventory.trust import NONE, WRONG
from portal.inventory.views import accounts
from tests import cast
from tests.fakes import Clock, FakeCloud, raising

pytestmark = pytest.mark.django_db


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    made = FakeCloud(Clock())
    monkeypatch.setattr(accounts, "cloud", lambda: made)
    return made


def doors(account: Account, cloud: FakeCloud) -> dict[str, bool | None]:
    return {row.what: row.works for row in try_account(account, cloud=cloud) if row.what in (NONE, WRONG)}


@pytest.mark.parametrize(
    ("opens", "none", "wrong"),
    [
        (lambda given: given == "x1", True, True),
        (lambda given: given in ("", "x1"), False, True),
        (bool, True, False),
        (lambda given: True, False, False),
    ],
)
def test_each_open_door_is_told(
    cloud: FakeCloud, opens: Callable[[str], bool], none: bool, wrong: bool
) -> None:
    cloud.opens_to = opens
    assert doors(cast.an_account(), cloud) == {NONE: none, WRONG: wrong}


def test_what_aws_does_not_answer_is_not_checked(cloud: FakeCloud) -> None:
    raising(cloud, "AssumeRole", Ambiguous("No answer."), times=2)
    assert doors(cast.an_account(), cloud) == {NONE: None, WRONG: None}


def test_the_portals_own_account_has_no_door(cloud: FakeCloud) -> None:
    assert doors(cast.an_account(role_name=""), cloud) == {}


def shown(account: Account) -> str:
    client = Client()
    client.force_login(cast.ada())
    return " ".join(
        client.get(reverse("inventory:account-check", args=[account.pk])).content.decode().split()
    )


def failed_on(page: str) -> int:
    found = re.search(r"(\d+) of \d+ checks failed", page)
    return int(found[1]) if found else 0


def test_the_page_shows_the_trust_policy_that_shuts_the_door(cloud: FakeCloud) -> None:
    account = cast.an_account()
    shut = shown(account)
    assert "Who else could get in" not in shut
    cloud.opens_to = lambda given: True
    page = shown(account)
    assert failed_on(page) == failed_on(shut) + 2
    assert "opens without the external id: its trust policy does not ask for it" in page
    assert "sts:ExternalId" in page
    assert "Add the missing actions" not in page


def test_without_an_agreed_id_the_way_out_is_to_agree_one(cloud: FakeCloud) -> None:
    cloud.opens_to = lambda given: True
    page = shown(cast.an_account(external_id=""))
    assert "No external id is agreed" in page
    assert "the portal computes an external id then" in page
