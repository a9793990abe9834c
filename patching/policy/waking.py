"""When stopped hosts are started ahead of a run: in batches, inside EC2's buckets, the slowest first. Pure.

EC2 reference: StartInstances takes 5 requests at once and 2 more a second, and 1,000 instances at once and 2 more
a second, per account and region. All times are in seconds.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence

BATCH = 50
INSTANCE_BURST, INSTANCES_PER_S = 1000, 2
REQUEST_BURST, REQUESTS_PER_S = 5, 2
# Agents that boot all together throttle each other at Systems Manager (amazon-ssm-agent#151), so batches keep apart.
BATCH_GAP_S = 3
LEARNED_FROM = 5  # of a host's latest starts
LEARNED_PERCENT = 80
Place = tuple[str, str]  # account, region


def usual(seconds: Sequence[float]) -> float:
    """The 80th percentile (nearest rank): one good night does not shorten the lead, one bad one hardly lengthens it."""
    ranked = sorted(seconds)
    return ranked[math.ceil(len(ranked) * LEARNED_PERCENT / 100) - 1]


def begins(batch: int, seed: str = "") -> float:
    """Seconds after the first start at which this batch (from 0) is started; the seed spreads it by up to a gap."""
    hosts = (batch + 1) * BATCH
    by_instances = max(0, hosts - INSTANCE_BURST) / INSTANCES_PER_S
    by_requests = max(0, batch + 1 - REQUEST_BURST) / REQUESTS_PER_S
    return max(by_instances, by_requests, batch * BATCH_GAP_S) + (_jitter(batch, seed) if batch else 0)


def _jitter(batch: int, seed: str) -> float:
    """Below one gap, and the same whenever it is asked again."""
    return hashlib.sha256(f"{seed}:{batch}".encode()).digest()[0] / 256 * BATCH_GAP_S


def turns(wakes: Mapping[int, float], seed: str = "") -> dict[int, float]:
    """Key → seconds after the first start, for the hosts of one place; whoever takes longest to wake goes first."""
    slowest_first = sorted(wakes, key=lambda key: (-wakes[key], key))
    return {key: begins(number // BATCH, seed) for number, key in enumerate(slowest_first)}


def longest(wakes: Mapping[int, float], seed: str = "") -> float:
    """From the first start of one place until its last host is awake."""
    return max((turn + wakes[key] for key, turn in turns(wakes, seed).items()), default=0.0)


def lead(places: Iterable[Mapping[int, float]], *, lead_s: float, wake_s: float, seed: str = "") -> float:
    """How long before the start the run begins. `lead_s` suits a host that wakes in `wake_s` and is then checked."""
    awake_after = max((longest(wakes, seed) for wakes in places), default=0.0)
    return math.ceil(lead_s + max(0.0, awake_after - wake_s))
