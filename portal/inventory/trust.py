"""Whether the role of an account keeps out whoever does not know its external id: tried, never read.

A trust policy without the condition lets the portal in all the same, so nobody would miss it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from aws.errors import Refused
from aws.ports import Cloud, Entrance
from portal.inventory.external_ids import agreed_with
from portal.inventory.models import Account
from portal.inventory.trials import Trial

NONE, WRONG = "Stay out without the external id", "Stay out with a wrong external id"
DOORS = (NONE, WRONG)


def doors_of(account: Account, cloud: Cloud) -> Iterator[Trial]:
    """None for the portal's own account, which it enters through no role."""
    if not account.role_name:
        return
    entrance = cloud.entrance(account.account_id)
    guess = f"wrong-{secrets.token_hex(8)}"
    yield Trial(NONE, (), lambda: _shut(entrance, "", without_sentence(account)))
    yield Trial(WRONG, (), lambda: _shut(entrance, guess, wrong_sentence(account)))


def without_sentence(account: Account) -> str:
    if not agreed_with(account):
        return f"No external id is agreed with account {account.account_id}: the portal can be sent into it by anybody."
    return (
        f"The role {account.role_name} of account {account.account_id} opens without the external id: "
        "its trust policy does not ask for it."
    )


def wrong_sentence(account: Account) -> str:
    return (
        f"The role {account.role_name} of account {account.account_id} opens with any external id: "
        "its trust policy asks for none, or for a pattern that others fit, too."
    )


def _shut(entrance: Entrance, external_id: str, open_sentence: str) -> None:
    if entrance.opens(external_id):
        raise Refused(open_sentence)
