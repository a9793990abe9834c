"""The product's one `Cloud`: the roles of the active accounts, read from their rows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import redis
from django.conf import settings

from aws.ports import Cloud, Queue
from aws.session import AccountAccess, AwsCloud
from portal.inventory.models import Account
from portal.limits.limiter import SharedLimiter


def accesses() -> Iterable[AccountAccess]:
    """Every account, also inactive ones: what was sent there must still be collected and cleaned up."""
    for account in Account.objects.all():
        yield AccountAccess(
            account.account_id,
            account.role_name,
            account.external_id or settings.AWS_EXTERNAL_ID,
            tuple(account.regions),
        )


def cloud() -> Cloud:
    """One per process; a changed role counts from the next call."""
    return _aws()


def event_queue() -> Queue:
    """Where EventBridge puts status changes of commands."""
    return _aws().queue()


@cache
def _aws() -> AwsCloud:
    limiter = SharedLimiter(redis.Redis.from_url(settings.REDIS_URL.replace("redis+socket://", "unix://")))
    return AwsCloud(accesses, portal_region=settings.AWS_PORTAL_REGION, limiter=limiter)
