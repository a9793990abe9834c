"""Wanting a tag: a row in the caller's transaction; the writer carries it out later."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from portal.access.models import User
from portal.audit.operations import PORTAL
from portal.tags.models import InstanceRef, TagChange
from portal.tags.states import OPEN, TagState


def want(
    *,
    instances: Iterable[InstanceRef],
    key: str,
    value: str | None,
    reason: str,
    run_id: int | None = None,
    by: User | None,
    now: datetime,
) -> None:
    """`key` shall be `value` (None: gone) on each instance. A later wish replaces one that is still open."""
    refs = list({(ref.account_id, ref.instance_id): ref for ref in instances}.values())
    if not refs:
        return
    TagChange.objects.filter(_same(refs), key=key, state__in=OPEN).update(
        state=TagState.REPLACED, finished_at=now
    )
    TagChange.objects.bulk_create(
        TagChange(
            account_id=ref.account_id,
            region=ref.region,
            instance_id=ref.instance_id,
            key=key,
            value=value,
            reason=reason[:200],
            run_id=run_id,
            requested_by=by.display_name if by else PORTAL,
            created_at=now,
            due_at=now,
        )
        for ref in refs
    )


def _same(refs: list[InstanceRef]) -> Q:
    accounts = {ref.account_id for ref in refs}
    condition = Q(pk__in=[])
    for account in accounts:
        ids = [ref.instance_id for ref in refs if ref.account_id == account]
        condition |= Q(account_id=account, instance_id__in=ids)
    return condition
