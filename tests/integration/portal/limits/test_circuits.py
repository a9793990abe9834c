"""Circuits on a real Valkey: who is asked while a service is silent, and what closes it again."""

from __future__ import annotations

import json
import uuid

import pytest
import redis

from aws.errors import Unasked
from portal.limits import circuits as module
from portal.limits.circuits import SharedCircuits
from tests.servers import RunServers

REGION = "eu-central-1"


@pytest.fixture
def client(servers: RunServers) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(servers.sockets / "valkey.sock"))


@pytest.fixture
def account() -> str:
    return uuid.uuid4().hex[:12]


def of(circuits: SharedCircuits, account: str) -> list[tuple[str, str, int]]:
    return [(row.region, row.service, row.failed) for row in circuits.open() if row.account_id == account]


def test_one_silence_is_enough_and_all_workers_know(client: redis.Redis, account: str) -> None:
    first, second = SharedCircuits(client), SharedCircuits(client)
    assert first.admit(account, REGION, "ssm", may_try=True) is False
    first.silent(account, REGION, "ssm", trial=False)
    with pytest.raises(Unasked, match=f"Systems Manager of account {account} in {REGION} has not answered"):
        second.admit(account, REGION, "ssm", may_try=True)
    assert of(second, account) == [(REGION, "ssm", 0)]


def test_other_places_and_services_stay_open_to_all(client: redis.Redis, account: str) -> None:
    circuits = SharedCircuits(client)
    circuits.silent(account, REGION, "ssm", trial=False)
    for place in ((account, REGION, "ec2"), (account, "eu-west-1", "ssm"), ("444455556666", REGION, "ssm")):
        assert circuits.admit(*place, may_try=True) is False


def test_one_caller_tries_and_its_answer_closes(
    client: redis.Redis, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0)
    circuits = SharedCircuits(client)
    circuits.silent(account, REGION, "ssm", trial=False)
    assert circuits.admit(account, REGION, "ssm", may_try=True) is True
    with pytest.raises(Unasked):  # the trial is under way
        circuits.admit(account, REGION, "ssm", may_try=True)
    circuits.answered(account, REGION, "ssm")
    assert circuits.admit(account, REGION, "ssm", may_try=True) is False
    assert of(circuits, account) == []


def test_a_call_that_must_not_be_repeated_is_no_trial(
    client: redis.Redis, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0)
    circuits = SharedCircuits(client)
    circuits.silent(account, REGION, "ssm", trial=False)
    with pytest.raises(Unasked):
        circuits.admit(account, REGION, "ssm", may_try=False)


def test_trials_become_rarer_and_late_silences_of_others_do_not_count(
    client: redis.Redis, account: str
) -> None:
    circuits = SharedCircuits(client)
    circuits.silent(account, REGION, "ssm", trial=False)
    pauses = []
    for trial in (False, True, True, False, True, True):
        circuits.silent(account, REGION, "ssm", trial=trial)
        row = next(row for row in circuits.open() if row.account_id == account)
        now, _ = client.time()  # type: ignore[misc]
        pauses.append(round(row.try_at.timestamp() - now, -1))
    assert pauses == [10, 20, 40, 40, 60, 60]
    assert of(circuits, account) == [(REGION, "ssm", 4)]


def test_a_trial_whose_worker_died_is_followed_by_another(
    client: redis.Redis, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0)
    monkeypatch.setattr(module, "TRIAL_S", 0)
    circuits = SharedCircuits(client)
    circuits.silent(account, REGION, "ssm", trial=False)
    assert [circuits.admit(account, REGION, "ssm", may_try=True) for _ in range(2)] == [True, True]


def test_what_nobody_asks_any_more_is_forgotten(client: redis.Redis, account: str) -> None:
    long_ago = json.dumps({"since": 1, "failed": 3, "try_at": 2})
    client.hset(module.KEY, f"{account}|{REGION}|ssm", long_ago)
    circuits = SharedCircuits(client)
    assert of(circuits, account) == []
    assert circuits.admit(account, REGION, "ssm", may_try=True) is False


def test_without_redis_a_call_goes_out(account: str) -> None:
    circuits = SharedCircuits(redis.Redis(unix_socket_path="/nowhere/valkey.sock"))
    circuits.silent(account, REGION, "ssm", trial=False)
    assert circuits.admit(account, REGION, "ssm", may_try=True) is False
