"""A stopped server is started, snapshotted, really patched, put back by EC2's task, and has its old packages again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import pytest

from aws.session import AwsCloud
from lab.server import LabServer
from patching.engine import restores, snapshots
from patching.engine.reconcile import reconcile_run
from patching.engine.scope import Context
from patching.models import HostReport, PowerHold, Restore, RootSnapshot, Run
from patching.operations.power import keep_running
from patching.operations.restores import ask
from patching.operations.windows import enrol, offer
from patching.queries.waking import learned
from patching.states import RUN_OVER, RestoreState, SnapshotState, TargetState, Verdict
from patching.window_facts import WindowFacts
from portal.calendar.recurrence import Recurrence
from portal.clock import database_now
from portal.inventory.models import Account, Asset
from portal.inventory.operations import sync_all
from portal.inventory.queries import accesses
from tests import cast
from tests.ad_hoc import start_unguarded

PORTAL, REGION = "111122223333", "eu-central-1"
QUICK = {
    "lead_s": 5, "wake_timeout_s": 15, "delivery_timeout_s": 30, "execution_timeout_s": 40, "deadline_s": 30,
    "reboot_grace_s": 10, "settle_s": 3, "sweep_s": 1, "lock_wait_s": 2, "end_bound_s": 60, "gather_s": 2,
    "snapshot": "root",
}  # fmt: skip
TAGS = {
    "Application": "payments",
    "Owner": "payments-team",
    "PatchPortal:Managed": "true",
    "Schedule": "office-hours",
}
SCENARIO: dict[str, Any] = {
    "accounts": [
        {"id": PORTAL, "name": "Payments", "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]},
    ],
    "defaults": {"account": PORTAL, "region": REGION, "pending": 3, "security": 1, "tags": TAGS},
    "hosts": [
        {"name": "nap", "os": "debian12", "state": "stopped", "kernel_update": True},
        {"name": "full", "os": "debian12", "state": "stopped", "faults": ["start_no_capacity"]},
        {"name": "bad", "os": "debian12", "faults": ["snapshot_refused"]},
    ],
}  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabServer]:
    with LabServer(SCENARIO, tmp_path, time_scale=20) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        yield server


@pytest.fixture
def cloud(db: None, lab: LabServer) -> AwsCloud:
    for row in SCENARIO["accounts"]:
        facts = {key: row[key] for key in ("name", "role_name", "external_id", "regions")}
        Account.objects.create(account_id=row["id"], **facts)
    return AwsCloud(accesses, portal_region=REGION)


def until(done: Callable[[], bool], step: Callable[[], object], what: Callable[[], object]) -> None:
    end = time.monotonic() + 100
    while not done():
        assert time.monotonic() < end, what()
        step()
        time.sleep(0.2)


def run_of(window: Any, cloud: AwsCloud) -> Run:
    run = start_unguarded(window=window, by=cast.ada(), now=database_now())

    def step() -> None:
        reconcile_run(run.pk, cloud=cloud, clock=database_now)
        run.refresh_from_db()

    states = run.targets.values_list("asset__name", "state", "reason")
    until(lambda: run.state in RUN_OVER, step, lambda: (run.state, list(states)))
    return run


def offered() -> Any:
    schedule = Recurrence("weekly", 5, None, clock_time(22), "Europe/Berlin")
    facts = WindowFacts(name="Now", schedule=schedule, duration_minutes=60, cutoff_minutes=10, policy=QUICK)
    return offer(facts, by=cast.ada(), now=database_now())


@pytest.mark.django_db(transaction=True)
def test_the_whole_way_there_and_back(cloud: AwsCloud, lab: LabServer) -> None:
    sync_all(cloud=cloud, now=database_now())
    window = offered()
    enrol(assets=list(Asset.objects.all()), window=window, by=cast.ana(), now=database_now())
    run = run_of(window, cloud)
    nap, full, bad = (run.targets.get(asset__name=name) for name in ("nap", "full", "bad"))
    assert nap.verdict == Verdict.PATCHED, nap.reason
    assert (full.state, full.reason_code) == (TargetState.BLOCKED, "not_started")
    assert "sufficient capacity" in full.reason
    assert (bad.state, bad.reason_code) == (TargetState.BLOCKED, "no_snapshot")
    ec2 = cloud.ec2(PORTAL, REGION)
    until(
        lambda: ec2.describe([nap.instance_id])[0].state == "stopped", lambda: None, lambda: "still running"
    )
    assert {item.tags.get("Schedule") for item in ec2.describe_instances()} == {"office-hours"}
    assert not [item for item in ec2.describe_instances() if "PatchPortal:Wake" in item.tags]
    assert learned([nap.asset_id])[nap.asset_id] > 0

    row = RootSnapshot.objects.get(target=nap)
    until(
        lambda: RootSnapshot.objects.filter(pk=row.pk, state=SnapshotState.COMPLETED).exists(),
        lambda: (
            snapshots.reconcile_snapshots(Context(cloud=cloud, clock=database_now)),
            RootSnapshot.objects.update(due_at=database_now()),
        ),
        RootSnapshot.objects.values,
    )
    ec2.start_instances([nap.instance_id])

    def online() -> bool:
        nodes = cloud.ssm(PORTAL, REGION).managed_nodes()
        return nap.instance_id in {node.instance_id for node in nodes if node.ping_status == "Online"}

    until(online, lambda: None, lambda: "never online")
    sync_all(cloud=cloud, now=database_now())
    ask(
        snapshot=RootSnapshot.objects.get(pk=row.pk),
        by=cast.ada(),
        reason="The shop broke.",
        now=database_now(),
    )
    until(
        lambda: Restore.objects.get().state == RestoreState.DONE,
        lambda: (
            Restore.objects.update(due_at=database_now()),
            restores.reconcile_restores(Context(cloud=cloud, clock=database_now)),
        ),
        Restore.objects.values,
    )
    until(online, lambda: None, lambda: "never online again")
    sync_all(cloud=cloud, now=database_now())

    again = run_of(window, cloud).targets.get(asset__name="nap")
    assert again.verdict == Verdict.PATCHED, again.reason  # there was as much to install as the first time
    assert again.updated_count == nap.updated_count
    assert again.kernel_before == nap.kernel_before
    before = [
        HostReport.objects.get(target=target, phase="patch").content["before"]["packages"]
        for target in (nap, again)
    ]
    assert before[0] == before[1]
    # somebody had started it, so it is left running
    assert ec2.describe([nap.instance_id])[0].state == "running"
    assert not PowerHold.objects.filter(run=again.run, asset=again.asset).exists()
    with pytest.raises(Exception, match="no run is going to stop it"):
        keep_running(asset=again.asset, by=cast.ana(), reason="Why not.", now=database_now())
