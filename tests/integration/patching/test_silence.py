"""One region is silent on a real socket: the others are patched as if nothing were.

Real threads, in one process; `script/benchmark silence` measures the same with the worker processes of a real start.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from botocore.config import Config
from django.conf import settings as django_settings
from pytest_django import Settings

from aws.calls import Retry
from aws.session import AwsCloud
from lab.server import LabServer
from patching.engine import scope
from patching.engine.control_loop import reconcile_due_runs
from patching.models import Run, Target
from patching.operations.windows import enrol, offer
from patching.states import RUN_OVER, TARGET_OVER, Verdict
from patching.window_facts import WindowFacts
from portal.calendar.recurrence import Recurrence
from portal.clock import database_now
from portal.inventory.models import Account, Asset
from portal.inventory.operations import sync_all
from portal.inventory.queries import accesses
from portal.limits import circuits
from portal.limits.circuits import SharedCircuits
from tests import cast
from tests.ad_hoc import start_unguarded

pytestmark = pytest.mark.django_db(transaction=True)
ACCOUNT, OTHER = "777700001111", "777700002222"
SILENT, WELL, ALSO_WELL = "eu-west-1", "eu-central-1", "eu-north-1"
SILENT_FOR_S, QUESTION_S = 25, 3
QUICK = {
    "lead_s": 1, "delivery_timeout_s": 30, "execution_timeout_s": 40, "deadline_s": 30, "reboot_grace_s": 10,
    "settle_s": 3, "gather_s": 0, "sweep_s": 1, "lock_wait_s": 2, "end_bound_s": 60,
}  # fmt: skip
SCENARIO: dict[str, Any] = {
    "accounts": [
        {"id": ACCOUNT, "role_name": "PatchPortal", "external_id": "x1", "regions": [SILENT, WELL, ALSO_WELL]},
        {"id": OTHER, "role_name": "PatchPortal", "external_id": "x1", "regions": [WELL]},
    ],
    "defaults": {"account": ACCOUNT, "os": "windows2022", "kind": "scenario", "pending": 1},
    "hosts": [
        {"name": "silent", "region": SILENT},
        {"name": "well", "region": WELL},
        {"name": "also-well", "region": ALSO_WELL},
        {"name": "other", "region": WELL, "account": OTHER},
    ],
}  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabServer]:
    with LabServer(SCENARIO, tmp_path, time_scale=100) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
        yield server


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> SharedCircuits:
    """Circuits that no test beside this one sees."""
    return SharedCircuits(redis.Redis.from_url(django_settings.REDIS_URL))


@pytest.fixture
def cloud(
    lab: LabServer, board: SharedCircuits, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AwsCloud:
    """As in production, but a question has 3 seconds and the first trial comes after one."""
    settings.PLACES_AT_ONCE = 8
    monkeypatch.setattr(scope, "INTERVAL", timedelta(seconds=1))
    monkeypatch.setattr(circuits, "FIRST_PAUSE_S", 1)
    short = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=QUESTION_S)
    monkeypatch.setattr(Retry, "config", property(lambda self: short))
    for row in SCENARIO["accounts"]:
        Account.objects.create(
            account_id=row["id"], role_name=row["role_name"], external_id="x1", regions=row["regions"]
        )
    return AwsCloud(accesses, portal_region=WELL, circuits=board)


def runs_of_both(cloud: AwsCloud) -> tuple[Run, Run]:
    """One run with three regions, one of which is silent, and one of another account."""
    now = database_now()
    sync_all(cloud=cloud, now=now)
    schedule = Recurrence("weekly", 5, None, datetime.min.time(), "Europe/Berlin")
    made = []
    for account in (ACCOUNT, OTHER):
        facts = WindowFacts(
            name=f"Night of {account}",
            schedule=schedule,
            duration_minutes=60,
            cutoff_minutes=10,
            policy=QUICK,
        )
        window = offer(facts, by=cast.ada(), now=now)
        enrol(
            assets=list(Asset.objects.filter(account__account_id=account)),
            window=window,
            by=cast.ada(),
            now=now,
        )
        made.append(start_unguarded(window=window, by=cast.ada(), now=database_now()))
    return made[0], made[1]


def tick_until_over(cloud: AwsCloud, names: set[str], within_s: float) -> float:
    """Ticks as beat does until these hosts are over; seconds that it took."""
    began = time.monotonic()
    while (
        not set(Target.objects.filter(state__in=TARGET_OVER).values_list("asset__name", flat=True)) >= names
    ):
        assert time.monotonic() - began < within_s, list(
            Target.objects.values_list("asset__name", "state", "reason")
        )
        reconcile_due_runs(cloud)
        time.sleep(0.2)
    return time.monotonic() - began


WELL_HOSTS = {"well", "also-well", "other"}


@pytest.mark.parametrize("service", ["ssm", "ec2"])
def test_the_others_are_patched_while_one_region_is_silent(
    lab: LabServer, cloud: AwsCloud, board: SharedCircuits, service: str
) -> None:
    runs = runs_of_both(cloud)
    lab.control("/lab/silence", {"service": service, "region": SILENT, "seconds": SILENT_FOR_S})
    tick_until_over(cloud, WELL_HOSTS, within_s=15)
    done = Target.objects.filter(asset__name__in=WELL_HOSTS)
    assert set(done.values_list("verdict", flat=True)) == {Verdict.PATCHED}
    assert Target.objects.get(asset__name="silent").state not in TARGET_OVER
    assert [(row.account_id, row.region, row.service) for row in board.open()] == [(ACCOUNT, SILENT, service)]
    lab.control("/lab/silence", {"off": True})
    tick_until_over(cloud, {"silent"}, within_s=30)
    assert Target.objects.get(asset__name="silent").verdict == Verdict.PATCHED
    assert board.open() == []
    assert {run.state for run in Run.objects.filter(pk__in=[run.pk for run in runs])} - RUN_OVER == set()
