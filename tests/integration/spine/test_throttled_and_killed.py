"""Real worker processes against the simulated AWS, throttled hard or killed in a call: nobody lost, nobody twice.

The small size of `script/benchmark baseline`, judged by AWS's own log and tags.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from tests.benchmarks.baseline import STRICT
from tests.benchmarks.fleet import Outcome, connect, outcome, plan, work
from tests.benchmarks.lab_process import Lab, lab
from tests.servers import RunServers

ACCOUNT, HOSTS = "111122225555", 120
# A lost answer is looked for after `send_within_s`; the rest is as in production or as in the benchmark.
SOONER = {"send_within_s": 6, "settle_s": 3, "sweep_s": 1}


@pytest.fixture
def aws(transactional_db: None, servers: RunServers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A fleet that the portal knows; workers find this test's own database."""
    name = connection.settings_dict["NAME"]
    monkeypatch.setenv("DATABASE_URL", f"postgres://postgres@/{name}?host={servers.sockets}")
    for variable in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID"):  # put back at the end
        monkeypatch.setenv(variable, "")
    with lab(HOSTS, ACCOUNT) as found:
        connect(found, ACCOUNT)
        yield found


def nobody_lost_nobody_twice(found: Outcome) -> None:
    assert found.hosts == HOSTS
    assert found.clean, found


def test_three_workers_under_strict_throttling(aws: Lab) -> None:
    aws.throttle(STRICT)
    plan(ACCOUNT, 3, **SOONER)
    assert work(aws, 3).errors == 0
    nobody_lost_nobody_twice(outcome(aws))


@pytest.mark.parametrize("call", ["SendCommand:5", "CreateTags:2", "DeleteTags:1"])
def test_a_worker_killed_in_a_call_is_followed_by_the_next(aws: Lab, call: str) -> None:
    """The fifth send is the second patch command; CreateTags is LastPatched the second time."""
    plan(ACCOUNT, 1, **SOONER)
    assert work(aws, 1, kill_at=call).errors == 0
    nobody_lost_nobody_twice(outcome(aws))
