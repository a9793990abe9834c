"""The product's one `Cloud`: AWS behind the shared limiter, with the roles that settings.AWS_ACCESSES reads."""

from __future__ import annotations

from functools import cache

import redis
from django.conf import settings
from django.utils.module_loading import import_string

from aws.ports import Cloud, Queue
from aws.session import AwsCloud
from portal.limits.limiter import SharedLimiter


def cloud() -> Cloud:
    """One per process; a changed role counts from the next call."""
    return _aws()


def event_queue() -> Queue:
    """Where EventBridge puts status changes of commands."""
    return _aws().queue()


@cache
def _aws() -> AwsCloud:
    limiter = SharedLimiter(redis.Redis.from_url(settings.REDIS_URL.replace("redis+socket://", "unix://")))
    accesses = import_string(settings.AWS_ACCESSES)
    return AwsCloud(accesses, portal_region=settings.AWS_PORTAL_REGION, limiter=limiter)
