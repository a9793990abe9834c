"""The shared token buckets on a real Valkey: workers together stay inside AWS's rate, and nobody waits for ever."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

import pytest
import redis

from aws.errors import Throttled
from portal.limits import limiter as module
from portal.limits.buckets import BUCKETS, Bucket
from portal.limits.limiter import SharedLimiter
from tests.servers import RunServers

REGION = "eu-central-1"


@pytest.fixture
def client(servers: RunServers) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(servers.sockets / "valkey.sock"))


@pytest.fixture
def account() -> str:
    """Its own buckets for each test."""
    return uuid.uuid4().hex[:12]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def set_bucket(*figures: float) -> None:
        monkeypatch.setitem(BUCKETS, "SendCommand", Bucket(*figures))

    return set_bucket


def calls_in(limiter: SharedLimiter, account: str, seconds: float) -> int:
    """How many calls one caller gets through in this time."""
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            limiter.acquire(account, REGION, "SendCommand")
        except Throttled:
            continue
        count += 1
    return count


def test_the_burst_goes_at_once_and_then_the_rate_holds(
    client: redis.Redis, account: str, bucket: Callable[..., None]
) -> None:
    bucket(5, 20)
    slept: list[float] = []
    limiter = SharedLimiter(client, sleep=lambda seconds: (slept.append(seconds), time.sleep(seconds))[0])
    for _ in range(5):
        limiter.acquire(account, REGION, "SendCommand")
    assert not slept
    limiter.acquire(account, REGION, "SendCommand")
    assert slept
    assert 0 < slept[0] <= 0.06


def test_ten_workers_share_one_bucket(client: redis.Redis, account: str, bucket: Callable[..., None]) -> None:
    bucket(5, 40, 30)
    counts: list[int] = []
    workers = [
        threading.Thread(target=lambda: counts.append(calls_in(SharedLimiter(client), account, 1.0)))
        for _ in range(10)
    ]
    began = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.monotonic() - began
    assert sum(counts) <= 5 + 40 * took + 1, "together they stay inside the bucket"
    assert min(counts) >= 1, "none starves"


def test_accounts_regions_and_apis_do_not_wait_for_each_other(
    client: redis.Redis, account: str, bucket: Callable[..., None]
) -> None:
    bucket(1, 0.001, 0.01)
    limiter = SharedLimiter(client)
    limiter.acquire(account, REGION, "SendCommand")
    limiter.acquire(account, "us-east-1", "SendCommand")
    limiter.acquire(f"{account}x", REGION, "SendCommand")
    limiter.acquire(account, REGION, "ListCommands")
    with pytest.raises(Throttled, match="its rate is used up"):
        limiter.acquire(account, REGION, "SendCommand")


def test_an_api_without_a_bucket_is_never_held(client: redis.Redis, account: str) -> None:
    limiter = SharedLimiter(client, sleep=lambda seconds: pytest.fail("it waited"))
    for _ in range(500):
        limiter.acquire(account, REGION, "GetCallerIdentity")


def test_a_throttled_reply_halves_the_rate_for_everybody_and_it_recovers(
    client: redis.Redis, account: str, bucket: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket(1, 100, 30)
    monkeypatch.setattr(module, "RECOVERY_S", 0.5)
    limiter = SharedLimiter(client)
    for _ in range(3):
        SharedLimiter(client).throttled(account, REGION, "SendCommand")
    slow = calls_in(limiter, account, 0.3)
    time.sleep(1.5)
    assert slow < 12 + 12, "an eighth of 30 calls, recovering"
    assert calls_in(limiter, account, 0.3) > slow


def test_a_send_waits_seconds_only(client: redis.Redis, account: str) -> None:
    assert BUCKETS["SendCommand"].longest_wait_s < 10, "the engine must send within ten seconds of its commit"
    assert BUCKETS["StartInstances"].longest_wait_s < 10


def test_an_emptied_valkey_begins_with_full_buckets(
    client: redis.Redis, account: str, bucket: Callable[..., None]
) -> None:
    bucket(1, 0.001, 0.01)
    limiter = SharedLimiter(client)
    limiter.acquire(account, REGION, "SendCommand")
    client.delete(f"rate:{{{account}:{REGION}:SendCommand}}")
    client.script_flush()
    limiter.acquire(account, REGION, "SendCommand")


def test_without_valkey_nothing_is_called(account: str) -> None:
    nowhere = redis.Redis(unix_socket_path="/nowhere/valkey.sock")
    with pytest.raises(Throttled, match="cannot be reached"):
        SharedLimiter(nowhere).acquire(account, REGION, "SendCommand")
    SharedLimiter(nowhere).throttled(account, REGION, "SendCommand")  # told in the log, and no more
