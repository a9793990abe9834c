"""External ids: the portal's own, another one for each account, and never one that somebody sends along."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.inventory.external_ids import external_id_for
from portal.inventory.models import Account, ExternalIdSeed
from tests import cast

pytestmark = pytest.mark.django_db
FORM = {"name": "Shop", "role_name": "PatchPortal", "regions": "eu-central-1"}
SHOP, BANK = "555566667777", "888899990000"


@pytest.fixture
def ada() -> Client:
    client = Client()
    client.force_login(cast.ada())
    return client


def connected(client: Client, account_id: str, **more: str) -> str:
    answer = client.post("/aws-accounts/new/", FORM | {"account_id": account_id} | more)
    account = Account.objects.get(account_id=account_id)
    assert (answer.status_code, answer["Location"]) == (302, f"/aws-accounts/{account.pk}/role/")
    return account.external_id


def test_one_that_a_form_sends_along_is_not_taken(ada: Client) -> None:
    """Whoever could choose it would choose that of another customer's role."""
    given = connected(ada, SHOP, external_id="of-somebody-else")
    account = Account.objects.get(account_id=SHOP)
    ada.post(f"/aws-accounts/{account.pk}/", FORM | {"active": "on", "external_id": "of-somebody-else"})
    account.refresh_from_db()
    assert account.external_id == given != "of-somebody-else"


def test_each_account_has_its_own_with_one_beginning(ada: Client) -> None:
    """One for all would open every account to whoever has seen a single template."""
    shop, bank = connected(ada, SHOP), connected(ada, BANK)
    beginning = ExternalIdSeed.objects.get().value
    assert (shop, bank) == (f"{beginning}-{SHOP}", f"{beginning}-{BANK}")
    assert len(beginning) == 32


def test_roles_that_were_made_before_the_portal_keep_theirs(settings: Any) -> None:
    settings.AWS_EXTERNAL_ID = "made-by-hand"
    assert external_id_for(SHOP) == "made-by-hand"
    assert not ExternalIdSeed.objects.exists()


def test_no_page_of_an_account_asks_for_one(ada: Client) -> None:
    account = cast.an_account()
    for path in ("/aws-accounts/new/", f"/aws-accounts/{account.pk}/"):
        assert b'name="external_id"' not in ada.get(path).content
