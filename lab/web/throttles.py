"""Token buckets per account, region and operation. None is set at the start."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from lab.delays import Clock
from lab.web.calls import Call
from lab.web.errors import Refusal


@dataclass(frozen=True)
class Limit:
    """A bucket's size and how many tokens come back per second of the simulated world."""

    capacity: float
    refill_per_s: float
    resources: bool = False  # a token per instance, not per call


# EC2 developer guide, "Request throttling": what every account has at first.
EC2_LIMITS = {
    "DescribeInstances": Limit(100, 20),
    "DescribeTags": Limit(100, 20),
    "CreateTags": Limit(100, 10),
    "DeleteTags": Limit(100, 10),
    "CreateSnapshot": Limit(100, 5),
    "DescribeSnapshots": Limit(100, 20),
    "StartInstances": Limit(5, 2),
    "StopInstances": Limit(50, 5),
    "RebootInstances": Limit(50, 5),
    "TerminateInstances": Limit(100, 5),
}
EC2_RESOURCE_LIMITS = {
    "StartInstances": Limit(1000, 2, resources=True),
    "StopInstances": Limit(1000, 20, resources=True),
    "TerminateInstances": Limit(1000, 20, resources=True),
}
EC2_LIST_ALL = Limit(50, 10)  # DescribeInstances without filter, ids and page size


class Bucket:
    """One token bucket."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._tokens, self._at = limit.capacity, time.monotonic()

    def take(self, tokens: float, clock: Clock) -> bool:
        now = time.monotonic()
        back = (now - self._at) * clock.scale * self._limit.refill_per_s
        self._tokens, self._at = min(self._limit.capacity, self._tokens + back), now
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True


class Throttles:
    """Which limits are set, and the buckets of each account and region."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limits: dict[tuple[str, str, bool], Limit] = {}
        self._buckets: dict[tuple[str, str, str, str, bool], Bucket] = {}
        self._lock = threading.Lock()

    def set(self, service: str, operation: str, limit: Limit) -> None:
        """A new limit starts with full buckets; operation `*` holds for each one without its own."""
        with self._lock:
            self._limits[service, operation, limit.resources] = limit
            self._buckets.clear()

    def set_real_ec2(self) -> None:
        """EC2's own figures."""
        for table in (EC2_LIMITS, EC2_RESOURCE_LIMITS):
            for operation, limit in table.items():
                self.set("ec2", operation, limit)
        self.set("ec2", "DescribeInstances(all)", EC2_LIST_ALL)

    def clear(self) -> None:
        with self._lock:
            self._limits.clear()
            self._buckets.clear()

    def refusal(self, call: Call) -> Refusal | None:
        """RequestLimitExceeded (503) of EC2, ThrottlingException (400) of the others."""
        with self._lock:
            if not self._limits or all(self._take(call, resources) for resources in (False, True)):
                return None
        if call.protocol == "ec2":
            return Refusal(503, "RequestLimitExceeded", "Request limit exceeded.")
        if call.protocol == "s3":
            return Refusal(503, "SlowDown", "Please reduce your request rate.")
        code = "ThrottlingException" if call.protocol in ("json", "rest") else "Throttling"
        return Refusal(400, code, "Rate exceeded")

    def _take(self, call: Call, resources: bool) -> bool:
        for operation in names(call):
            limit = self._limits.get((call.service, operation, resources))
            if limit:
                key = (call.account, call.region, call.service, operation, resources)
                bucket = self._buckets.setdefault(key, Bucket(limit))
                return bucket.take(len(call.instance_ids) if resources else 1, self._clock)
        return True


def names(call: Call) -> list[str]:
    """Where a call's limit may be written, the special one first."""
    narrow = any(name.startswith(("Filter", "InstanceId", "MaxResults")) for name in call.fields)
    special = [] if narrow else [f"{call.operation}(all)"]
    return [*special, call.operation, "*"]
