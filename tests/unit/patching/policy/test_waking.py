"""The pace of starting stopped hosts: never faster than EC2's buckets, the slowest first."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest

from patching.policy import waking


@pytest.mark.parametrize("count", [1, 50, 340, 1000, 1001, 3000, 10_000])
def test_starts_stay_inside_both_buckets(count: int) -> None:
    turns = waking.turns(dict.fromkeys(range(count), 60.0), seed="7")
    assert set(turns) == set(range(count))
    batches = Counter(turns.values())
    assert max(batches.values()) <= waking.BATCH
    instances = requests = 0
    for at in sorted(batches):
        instances, requests = instances + batches[at], requests + 1
        assert instances <= 1000 + 2 * at + 0.001, at
        assert requests <= 5 + 2 * at + 0.001, at


def test_ten_thousand_take_as_long_as_the_bucket_says() -> None:
    """Facts: 1,000 at once, then 2 a second: about 75 minutes."""
    last = max(waking.turns(dict.fromkeys(range(10_000), 60.0), seed="7").values())
    assert (10_000 - 1000) / 2 <= last <= (10_000 - 1000) / 2 + 2 * waking.BATCH_GAP_S


def test_batches_keep_apart_and_the_jitter_is_the_same_each_time() -> None:
    turns = waking.turns(dict.fromkeys(range(500), 60.0), seed="7")
    assert turns == waking.turns(dict.fromkeys(range(500), 60.0), seed="7")
    assert turns != waking.turns(dict.fromkeys(range(500), 60.0), seed="8")
    assert len(set(turns.values())) == 10
    assert min(turns.values()) == 0


def test_the_slowest_are_started_first() -> None:
    wakes = {key: float(key) for key in range(120)}
    turns = waking.turns(wakes)
    assert turns[119] == 0
    assert turns[0] == max(turns.values())


def test_the_usual_time_is_the_fourth_of_five() -> None:
    assert waking.usual([60, 61, 62, 63, 900]) == 63
    assert waking.usual([60, 61]) == 61
    assert waking.usual([75]) == 75


def test_the_lead_grows_with_slow_hosts_and_with_many() -> None:
    lead = partial(waking.lead, lead_s=900, wake_s=300)
    assert lead([]) == 900
    assert lead([{1: 60.0}]) == 900
    assert lead([{1: 700.0}, {2: 60.0}]) == 1300
    many = lead([dict.fromkeys(range(3000), 300.0)])
    assert 900 + 1000 <= many <= 900 + 1000 + 2 * waking.BATCH_GAP_S
