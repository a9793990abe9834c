"""So many requests a minute of each token, told in each answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

WINDOW_S = 60
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rate:
    limit: int
    remaining: int
    resets_in_s: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.resets_in_s),
        }


class PerToken(BaseThrottle):
    """Counts in whole minutes. Without the cache nobody is held up: reading must not end with it."""

    rate: Rate | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        now = time.time()
        left = WINDOW_S - int(now % WINDOW_S)
        asked = _count(f"api-rate:{request.auth.pk}:{int(now // WINDOW_S)}")
        limit = settings.API_REQUESTS_A_MINUTE
        self.rate = view.rate = Rate(limit, max(0, limit - asked), left)
        return asked <= limit

    def wait(self) -> float | None:
        return self.rate.resets_in_s if self.rate else None


def _count(key: str) -> int:
    try:
        cache.add(key, 0, 2 * WINDOW_S)
        return int(cache.incr(key))
    except (RedisError, ValueError) as error:
        log.warning("api_requests_not_counted", error=str(error))
        return 1
