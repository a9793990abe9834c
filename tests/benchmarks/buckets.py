"""How long AWS's token buckets alone make a recorded order of calls take: each call as soon as it has a token."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# EC2's published buckets; Systems Manager publishes none: 3 a second for each call is an assumption.
EC2 = {"CreateTags": (100.0, 10.0), "DeleteTags": (100.0, 10.0), "DescribeInstances": (100.0, 20.0)}
SSM = (3.0, 3.0)


def bucket_of(service: str, operation: str) -> tuple[float, float] | None:
    """(capacity, refill a second), or None for calls that nothing holds back here."""
    return SSM if service == "ssm" else EC2.get(operation)


def seconds(calls: Iterable[Mapping[str, object]]) -> float:
    """Replays entries of the lab's log one after the other, without any time of their own."""
    now, held = 0.0, dict[str, tuple[float, float]]()  # operation → tokens, since when
    for call in calls:
        name = str(call["operation"])
        if bucket := bucket_of(str(call["service"]), name):
            capacity, refill = bucket
            tokens, since = held.get(name, (capacity, now))
            tokens = min(capacity, tokens + (now - since) * refill)
            wait = max(0.0, (1 - tokens) / refill)
            now += wait
            held[name] = (tokens + wait * refill - 1, now)
    return now
