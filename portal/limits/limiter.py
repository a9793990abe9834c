"""One token bucket per account, region and API, shared by all workers: in Redis, by Redis's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis
import structlog

from aws.errors import Throttled
from portal.limits.buckets import BUCKETS, Bucket

log = structlog.get_logger(__name__)
FORGET_S = 900  # an idle bucket is full again long before that
SLOWEST = 1 / 16  # of the usual rate, after several throttled replies
RECOVERY_S = 60  # so long a throttled reply weighs; then the rate has doubled again

# KEYS: bucket, brake. ARGV: capacity, refill, recovery. Returns the milliseconds to wait; 0: a token was taken.
TAKE = """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
local brake = redis.call('HMGET', KEYS[2], 'share', 'at')
local share = 1
if brake[1] then
  share = math.min(1, tonumber(brake[1]) * 2 ^ ((at - tonumber(brake[2])) / tonumber(ARGV[3])))
end
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local capacity, refill = math.max(1, tonumber(ARGV[1]) * share), tonumber(ARGV[2]) * share
local tokens = capacity
if held[1] then
  tokens = math.min(capacity, tonumber(held[1]) + (at - tonumber(held[2])) * refill)
end
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) / refill * 1000) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(at))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return wait
"""
# KEYS: bucket, brake. ARGV: recovery, slowest, forget. Halves the rate as it is now, and empties the bucket.
BRAKE = """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
local brake = redis.call('HMGET', KEYS[2], 'share', 'at')
local share = 1
if brake[1] then
  share = math.min(1, tonumber(brake[1]) * 2 ^ ((at - tonumber(brake[2])) / tonumber(ARGV[1])))
end
redis.call('HSET', KEYS[2], 'share', tostring(math.max(tonumber(ARGV[2]), share / 2)), 'at', tostring(at))
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[1], 'tokens', '0', 'at', tostring(at))
redis.call('EXPIRE', KEYS[1], ARGV[3])
"""


class SharedLimiter:
    """`aws.session.Limiter` on Redis. Without Redis nothing is called: that is safe, and told in the log."""

    def __init__(self, client: redis.Redis, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._take = client.register_script(TAKE)
        self._brake = client.register_script(BRAKE)

    def acquire(self, account_id: str, region: str, operation: str) -> None:
        """Returns when the call fits into AWS's rate. Raises Throttled when that would take too long."""
        bucket = BUCKETS.get(operation)
        waited = 0.0
        while bucket and (wait := self._wait(_keys(account_id, region, operation), bucket, operation)):
            waited += wait
            if waited > bucket.longest_wait_s:
                said = f"{operation} in {account_id} {region} has to wait: its rate is used up for now."
                raise Throttled(said, code="RateUsedUp", operation=operation)
            self._sleep(wait)

    def throttled(self, account_id: str, region: str, operation: str) -> None:
        """AWS said that we call too often: half the rate for a while, for all workers."""
        try:
            self._brake(keys=_keys(account_id, region, operation), args=[RECOVERY_S, SLOWEST, FORGET_S])
        except redis.RedisError as error:
            log.error("limiter_unreachable", error=str(error))

    def _wait(self, keys: list[str], bucket: Bucket, operation: str) -> float:
        try:
            answer = self._take(keys=keys, args=[bucket.capacity, bucket.refill, RECOVERY_S, FORGET_S])
        except redis.RedisError as error:
            log.error("limiter_unreachable", error=str(error))
            raise Throttled(
                f"{operation} is not called: the shared rate limit in Redis cannot be reached. {error}",
                code="LimiterUnreachable",
                operation=operation,
            ) from error
        return int(answer) / 1000


def _keys(account_id: str, region: str, operation: str) -> list[str]:
    place = f"rate:{{{account_id}:{region}:{operation}}}"
    return [place, f"{place}:brake"]
