"""The external id of each account: computed here alone, so that nobody can choose that of somebody else's role.

It is the installation's own random value and the number of the account. A StackSet that gives each new account the same
template can say the same with AWS::AccountId.
"""

from __future__ import annotations

import secrets

from django.conf import settings
from django.utils import timezone

from portal.inventory.models import Account, ExternalIdSeed

RANDOM_BYTES = 16
THE_ONE = 1  # an installation has one seed, whoever asks first


def external_id_for(account_id: str) -> str:
    """AWS_EXTERNAL_ID where it is set: the roles were made before the portal, by whoever runs it."""
    return str(settings.AWS_EXTERNAL_ID) or f"{_seed()}-{account_id}"


def agreed_with(account: Account) -> str:
    """The external id that the portal sends; empty where none is agreed."""
    return account.external_id or str(settings.AWS_EXTERNAL_ID)


def _seed() -> str:
    """Drawn once; a second process that draws at the same moment gets the first one's."""
    made = {"value": secrets.token_hex(RANDOM_BYTES), "made_at": timezone.now()}
    return ExternalIdSeed.objects.get_or_create(pk=THE_ONE, defaults=made)[0].value
