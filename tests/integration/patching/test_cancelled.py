"""A command that somebody cancels in AWS's console while the package tool is at work, on the simulated AWS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import boto3
import pytest

from aws.session import AwsCloud
from lab.server import LabServer
from patching.engine.reconcile import reconcile_run
from patching.models import HostReport, Run
from patching.operations.windows import enrol, offer
from patching.states import RUN_OVER, Phase, TargetState, Verdict
from patching.window_facts import WindowFacts
from portal.calendar.recurrence import Recurrence
from portal.clock import database_now
from portal.inventory.models import Account, Asset
from portal.inventory.operations import sync_all
from portal.inventory.queries import accesses
from portal.tags.models import TagChange
from tests import cast
from tests.ad_hoc import start_unguarded

PORTAL, REGION = "111122223333", "eu-central-1"
POLICY = {
    "lead_s": 5, "delivery_timeout_s": 600, "execution_timeout_s": 600, "deadline_s": 500, "settle_s": 3,
    "sweep_s": 1, "lock_wait_s": 2, "gather_s": 1, "stop_at_error_percent": 100,
}  # fmt: skip
TAGS = {"Application": "payments", "Owner": "payments-team"}
SYSTEMS = ("debian12", "rhel9", "sles15")
SCENARIO: dict[str, Any] = {
    "accounts": [
        {"id": PORTAL, "name": "Payments", "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]},
    ],
    "defaults": {"account": PORTAL, "region": REGION, "pending": 3, "security": 1, "tags": TAGS},
    "hosts": [{"name": name, "os": name} for name in SYSTEMS],
}  # fmt: skip


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LabServer]:
    with LabServer(SCENARIO, tmp_path, time_scale=60) as running:
        for name in SYSTEMS:
            running.control("/lab/fault", {"host": name, "fault": "hang", "content": "3"})
        yield running


@pytest.fixture
def cloud(transactional_db: None, server: LabServer, monkeypatch: pytest.MonkeyPatch) -> AwsCloud:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    facts = {key: SCENARIO["accounts"][0][key] for key in ("name", "role_name", "external_id", "regions")}
    Account.objects.create(account_id=PORTAL, **facts)
    return AwsCloud(accesses, portal_region=REGION)


def started(cloud: AwsCloud) -> Run:
    sync_all(cloud=cloud, now=database_now())
    schedule = Recurrence("weekly", 5, None, clock_time(22), "Europe/Berlin")
    facts = WindowFacts(
        name="Nightly", schedule=schedule, duration_minutes=60, cutoff_minutes=10, policy=POLICY
    )
    window = offer(facts, by=cast.ada(), now=database_now())
    enrol(assets=list(Asset.objects.all()), window=window, by=cast.ana(), now=database_now())
    return start_unguarded(window=window, by=cast.ada(), now=database_now())


def look_until(run: Run, cloud: AwsCloud, wanted: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not wanted():
        assert time.monotonic() < end, list(run.targets.values_list("asset__name", "state", "reason"))
        reconcile_run(run.pk, cloud=cloud, clock=database_now)
        run.refresh_from_db()
        time.sleep(0.2)


def at_work(server: LabServer) -> bool:
    """The package tool of every host holds its lock."""
    return len(list((server.world.state / "hosts" / PORTAL).glob("*/proc/4242"))) == len(SYSTEMS)


def test_the_verdict_waits_for_the_transaction_and_is_the_hosts(server: LabServer, cloud: AwsCloud) -> None:
    run = started(cloud)
    look_until(run, cloud, lambda: at_work(server))
    for dispatch in run.dispatches.filter(
        phase=Phase.PATCH
    ):  # a slow machine checks them one after the other
        for command_id in dispatch.command_ids:
            boto3.client("ssm", region_name=REGION).cancel_command(CommandId=command_id)
    look_until(run, cloud, lambda: run.targets.filter(state=TargetState.VERIFYING).count() == 3)
    assert not run.targets.exclude(verdict="").exists(), "something was said before the tool had ended"
    look_until(run, cloud, lambda: run.state in RUN_OVER)
    for target in run.targets.all():
        assert (target.verdict, target.agreement) == (Verdict.PATCHED, "ssm_failed_host_patched"), (
            target.reason
        )
        assert target.updated_count == 3
        assert "a look afterwards found this" in target.reason
    assert HostReport.objects.filter(phase=Phase.PATCH, source="rescan", status="patched").count() == 3
    # patched for certain, so the tag says so
    assert TagChange.objects.filter(key="LastPatched").exists()
