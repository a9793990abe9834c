"""The product's one `Cloud`: AWS behind shared limits and circuits, with the roles that settings.AWS_ACCESSES reads."""

from __future__ import annotations

from functools import cache

import redis
from django.conf import settings
from django.utils.module_loading import import_string

from aws.ports import Cloud, Queue, Topics
from aws.session import AwsCloud
from portal.limits.circuits import OpenCircuit, SharedCircuits
from portal.limits.limiter import SharedLimiter

REDIS_ANSWERS_S = 2  # a page may wait for it


def cloud() -> Cloud:
    """One per process; a changed role counts from the next call."""
    return _aws()


def event_queue() -> Queue:
    """Where EventBridge puts status changes of commands."""
    return _aws().queue()


def topics() -> Topics:
    """What programs subscribe to."""
    return _aws().topics()


def silent_places() -> list[OpenCircuit]:
    """The services that do not answer, and where. Raises redis.RedisError."""
    return SharedCircuits(_redis()).open()


@cache
def _aws() -> AwsCloud:
    client = _redis()
    return AwsCloud(
        import_string(settings.AWS_ACCESSES),
        portal_region=settings.AWS_PORTAL_REGION,
        limiter=SharedLimiter(client),
        circuits=SharedCircuits(client),
    )


@cache
def _redis() -> redis.Redis:
    address = settings.REDIS_URL.replace("redis+socket://", "unix://")
    return redis.Redis.from_url(
        address, socket_timeout=REDIS_ANSWERS_S, socket_connect_timeout=REDIS_ANSWERS_S
    )
