"""The names of this installation, for the policies that are generated and checked."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from aws.iam import Names
from portal.inventory.models import Account


def names(*, role: str = "", external_id: str = "", accounts: tuple[str, ...] = ()) -> Names:
    """With every connected account and `accounts`; what is not set stays the placeholder that it is in the docs."""
    connected = {*Account.objects.values_list("account_id", flat=True), *accounts}
    found = Names(
        role=role or settings.AWS_ROLE_NAME,
        bucket=settings.RESULTS_BUCKET,
        snapshot_tag=settings.TAG_KEYS["snapshot"],
        managed_tag=settings.MANAGED_TAG,
        tag_keys=tuple(settings.WRITTEN_TAG_KEYS),
        external_id=external_id,
    )
    found = replace(found, accounts=tuple(sorted(connected))) if connected else found
    if topic := settings.NOTIFY_TOPIC_ARN:
        found = replace(found, topic=topic.rpartition(":")[2])
    arn = settings.AWS_PORTAL_ROLE_ARN
    return replace(found, portal_role_arn=arn) if arn else found
