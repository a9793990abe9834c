"""Windows servers of the simulated AWS, patched by our own document and by AWS's: the whole way, through real calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import pytest

from aws.session import AwsCloud
from lab.server import LabServer
from patching.documents import aws_windows
from patching.engine.reconcile import reconcile_run
from patching.models import Dispatch, HostReport, Run, Target
from patching.operations.windows import enrol, offer
from patching.states import RUN_OVER, Phase
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
    "lead_s": 5, "wake_timeout_s": 15, "delivery_timeout_s": 30, "execution_timeout_s": 60, "deadline_s": 50,
    "reboot_grace_s": 20, "settle_s": 3, "sweep_s": 1, "lock_wait_s": 2, "end_bound_s": 60, "gather_s": 1,
    "stop_at_error_percent": 100,
}  # fmt: skip
TAGS = {"Application": "payments", "Owner": "payments-team", "PatchPortal:Managed": "true"}
WINDOWS = {"os": "windows2022", "kind": "scenario"}
SCENARIO: dict[str, Any] = {
    "accounts": [
        {"id": PORTAL, "name": "Payments", "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]},
    ],
    "defaults": {"account": PORTAL, "region": REGION, "pending": 3, "security": 1, "tags": TAGS},
    "hosts": [
        {"name": "own", **WINDOWS},
        {"name": "good", **WINDOWS},
        {"name": "false", **WINDOWS, "faults": ["false_failure"]},
        {"name": "bad", **WINDOWS, "faults": ["update_fails"]},
    ],
}  # fmt: skip
EXPECTED = {  # name → verdict, agreement, restarted
    "own": ("patched", "agrees", True),
    "good": ("patched", "agrees", True),
    "false": ("patched", "ssm_failed_host_patched", True),
    "bad": ("failed", "agrees", False),
}


@pytest.fixture
def cloud(transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsCloud]:
    with LabServer(SCENARIO, tmp_path, time_scale=60) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        for row in SCENARIO["accounts"]:
            facts = {key: row[key] for key in ("name", "role_name", "external_id", "regions")}
            Account.objects.create(account_id=row["id"], **facts)
        yield AwsCloud(accesses, portal_region=REGION)


def run_of(names: list[str], method: str, cloud: AwsCloud) -> Run:
    facts = WindowFacts(
        name=f"By {method}", slug=method, duration_minutes=60, cutoff_minutes=10,
        schedule=Recurrence("weekly", 5, None, clock_time(22), "Europe/Berlin"),
        policy=QUICK | {"windows_method": method},
    )  # fmt: skip
    window = offer(facts, by=cast.ada(), now=database_now())
    assets = list(Asset.objects.filter(name__in=names))
    enrol(assets=assets, window=window, by=cast.ana(), now=database_now())
    run = start_unguarded(window=window, by=cast.ada(), now=database_now())
    end = time.monotonic() + 100
    while run.state not in RUN_OVER:
        assert time.monotonic() < end, list(run.targets.values_list("asset__name", "state", "reason"))
        reconcile_run(run.pk, cloud=cloud, clock=database_now)
        run.refresh_from_db()
        time.sleep(0.2)
    return run


def test_the_host_decides_whichever_document_was_chosen(cloud: AwsCloud) -> None:
    sync_all(cloud=cloud, now=database_now())
    run_of(["own"], "portal", cloud)
    run_of(["good", "false", "bad"], "aws", cloud)
    rows = Target.objects.select_related("asset")
    assert {row.asset.name: (row.verdict, row.agreement, row.rebooted) for row in rows} == EXPECTED
    sent = Dispatch.objects.filter(phase=Phase.PATCH).values_list("document_name", flat=True)
    assert sorted(sent) == [aws_windows.NAME, "PatchPortal-Patch-Windows"]
    judged = HostReport.objects.filter(phase=Phase.PATCH)
    assert {report.source for report in judged} == {"s3", "rescan"}
    changes = {row.asset.name: row.package_changes.count() for row in rows}
    assert changes == {"own": 3, "good": 3, "false": 3, "bad": 0}
