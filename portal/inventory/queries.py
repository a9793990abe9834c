"""Reads of the inventory: for its pages, and the accounts as AWS clients enter them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Count, Q, QuerySet

from aws.session import AccountAccess
from portal.inventory.external_ids import agreed_with
from portal.inventory.models import Account, Asset
from portal.inventory.states import BLOCKING, Coverage


def accounts() -> QuerySet[Account]:
    """With `servers`, those that are there now, and `hindered`, those of them with any coverage reason."""
    here = Q(assets__gone_at=None, assets__isnull=False)
    return Account.objects.annotate(
        servers=Count("assets", filter=here), hindered=Count("assets", filter=here & ~Q(assets__coverage=""))
    )


def accesses() -> Iterable[AccountAccess]:
    """Every account, also inactive ones: what was sent there must still be collected and cleaned up."""
    for account in Account.objects.all():
        yield AccountAccess(
            account.account_id,
            account.role_name,
            agreed_with(account),
            tuple(account.regions),
        )


def counts(rows: QuerySet[Asset]) -> dict[str, int]:
    """How many of the rows have each reason, `blocked`: those that cannot be patched at all, and `any`."""
    blocking = Q(pk__in=[])
    for reason in BLOCKING:
        blocking |= _has(reason)
    each = {reason.value: Count("pk", filter=_has(reason)) for reason in Coverage}
    return rows.exclude(coverage="").aggregate(any=Count("pk"), blocked=Count("pk", filter=blocking), **each)


def _has(reason: Coverage) -> Q:
    return Q(coverage_reasons__contains=[reason.value])
