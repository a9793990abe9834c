"""The whole way against the simulated AWS: discover, enrol, except, check, tag, patch, collect, prove."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from aws.session import AwsCloud
from exceptions.operations import approve, submit
from lab.server import LabServer
from patching.engine.reconcile import reconcile_run
from patching.models import HostReport, PackageChange, Run, Target
from patching.operations.windows import enrol, offer
from patching.states import RUN_OVER, RunState, TargetState, Verdict
from patching.window_facts import WindowFacts
from portal.audit.models import AuditEvent
from portal.calendar.recurrence import Recurrence
from portal.clock import database_now
from portal.inventory.checks import try_account
from portal.inventory.models import Account, Asset
from portal.inventory.operations import sync_all
from portal.inventory.queries import accesses
from portal.tagging.writer import write_due
from tests import cast
from tests.ad_hoc import start_unguarded
from tests.aws_cli import Cli

PORTAL, OTHER, REGION = "111122223333", "444455556666", "eu-central-1"
QUICK = {
    "lead_s": 5, "wake_timeout_s": 60, "delivery_timeout_s": 30, "execution_timeout_s": 40, "deadline_s": 30,
    "reboot_grace_s": 10, "settle_s": 3, "gather_s": 1, "sweep_s": 1, "lock_wait_s": 2, "end_bound_s": 60,
}  # fmt: skip
BY_RUNS = {"ssm-patch-now", "LastPatched", "PatchPortal:Wake"}
TAGS = {"Application": "payments", "Owner": "payments-team", "PatchPortal:Managed": "true"}
SCENARIO: dict[str, Any] = {
    "accounts": [
        {"id": PORTAL, "name": "Payments", "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]},
        {"id": OTHER, "name": "Other", "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]},
    ],
    "defaults": {"account": PORTAL, "region": REGION, "pending": 3, "security": 1, "tags": TAGS},
    "hosts": [
        {"name": "deb", "os": "debian12", "kernel_update": True},
        {"name": "rpm", "os": "rhel9", "account": OTHER},
        {"name": "sle", "os": "sles15"},
        {"name": "win", "os": "windows2022", "kind": "scenario"},
        {"name": "nap", "os": "amzn2023", "state": "stopped"},
        {"name": "full", "os": "debian12", "faults": ["disk_full_unfixable"]},
        {"name": "exempt", "os": "debian12"},
        {"name": "bare", "os": "debian12", "agent": "absent"},
        {"name": "denied", "os": "debian12", "faults": ["results_denied"]},
        {"name": "<b>$(reboot)</b>", "os": "debian12"},
    ],
}  # fmt: skip


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabServer]:
    with LabServer(SCENARIO, tmp_path, time_scale=20) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL)
        yield server


@pytest.fixture
def cloud(db: None, lab: LabServer) -> AwsCloud:
    for row in SCENARIO["accounts"]:
        facts = {key: row[key] for key in ("name", "role_name", "external_id", "regions")}
        Account.objects.create(account_id=row["id"], **facts)
    return AwsCloud(accesses, portal_region=REGION)


def tags_of(account: str) -> dict[str, dict[str, str]]:
    """name → tags, as any boto3 script behind the assumed role sees them."""
    sts = boto3.client("sts", region_name=REGION)
    role = f"arn:aws:iam::{account}:role/PatchPortal"
    keys = sts.assume_role(RoleArn=role, RoleSessionName="test", ExternalId="x1")["Credentials"]
    ec2 = boto3.client(
        "ec2",
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    found = {}
    for page in ec2.get_paginator("describe_instances").paginate():
        for item in [i for r in page["Reservations"] for i in r["Instances"]]:
            tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
            found[tags["Name"]] = tags
    return found


def by_hand(lab: LabServer, account: str) -> dict[str, dict[str, str]]:
    """The same, as somebody with the AWS command line sees them."""
    cli = Cli(lab.url, REGION, PORTAL)
    return cli.tags(cli.enter(account, "PatchPortal", "x1"))


def a_run(cloud: AwsCloud) -> Run:
    """Everything enrolled, one server exempt, a run that starts now."""
    now = database_now()
    sync_all(cloud=cloud, now=now)
    schedule = Recurrence("weekly", 5, None, datetime.min.time(), "Europe/Berlin")
    facts = WindowFacts(
        name="Saturday night", schedule=schedule, duration_minutes=60, cutoff_minutes=10, policy=QUICK
    )
    window = offer(facts, by=cast.ada(), now=now)
    enrol(assets=list(Asset.objects.all()), window=window, by=cast.ada(), now=now)
    exempt = Asset.objects.get(name="exempt")
    cast.bo()
    today = now.astimezone(UTC).date() + timedelta(days=0)
    request = submit(
        assets=[exempt], from_date=today, to_date=today + timedelta(days=2), time_zone="UTC",
        category="audit", reason="The auditors are in the building.", by=cast.ana(), now=now,
    )  # fmt: skip
    approve(request=request, by=cast.bo(), now=now)
    return start_unguarded(window=window, by=cast.ada(), now=now)


def to_the_end(run: Run, cloud: AwsCloud, each: Any = lambda: None) -> Run:
    deadline = time.monotonic() + 120
    while run.state not in RUN_OVER and time.monotonic() < deadline:
        reconcile_run(run.pk, cloud=cloud, clock=database_now)
        write_due(cloud=cloud, now=database_now())  # the beat's part: windows' tags belong to no run
        run.refresh_from_db()
        each()
        time.sleep(0.2)
    return run


def test_the_whole_way(lab: LabServer, cloud: AwsCloud) -> None:
    run = a_run(cloud)
    during: dict[str, set[str]] = {}

    def watch() -> None:
        # Each server goes at its own pace: every look counts while one of them is with Systems Manager.
        if run.targets.filter(state=TargetState.IN_DISPATCH).exists():
            for name, tags in tags_of(PORTAL).items():
                during.setdefault(name, set()).update(tags)

    to_the_end(run, cloud, watch)
    rows = {row.asset.name: row for row in Target.objects.filter(run=run).select_related("asset")}
    told = {name: (row.state, row.verdict, row.reason) for name, row in rows.items()}
    assert run.state == RunState.FINISHED, told

    for name in ("deb", "rpm", "sle", "win", "nap", "denied", "<b>$(reboot)</b>"):
        assert (rows[name].state, rows[name].verdict) == (TargetState.DONE, Verdict.PATCHED), told
    assert rows["deb"].kernel_before != rows["deb"].kernel_after
    assert rows["deb"].updated_count >= 3
    assert rows["deb"].available_count == 0
    assert rows["full"].state == TargetState.BLOCKED
    assert "MB" in rows["full"].reason
    assert (rows["exempt"].state, rows["exempt"].reason_code) == (TargetState.SKIPPED, "excepted")
    assert rows["bare"].reason_code == "no_agent"
    assert PackageChange.objects.filter(target=rows["deb"]).exists()

    _assert_tags(run, during)
    _assert_evidence(cloud, rows)
    states = {host["name"]: host["state"] for host in lab.control("/lab/hosts")}
    assert states["nap"] in {"stopped", "stopping"}


def _assert_tags(run: Run, during: dict[str, set[str]]) -> None:
    assert "ssm-patch-now" in during["deb"]
    assert "ssm-patch-now" not in during["exempt"]
    assert "ssm-patch-now" not in during["full"]
    for name, tags in (tags_of(PORTAL) | tags_of(OTHER)).items():
        assert "ssm-patch-now" not in tags, name
        assert "PatchPortal:Wake" not in tags, name
        assert tags["PatchWindow"] == "saturday-night", name
    after = tags_of(PORTAL)
    assert after["deb"]["LastPatched"] == run.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "LastPatched" not in after["full"]
    assert after["exempt"]["PatchException"].endswith("Z")


def _assert_evidence(cloud: AwsCloud, rows: dict[str, Target]) -> None:
    bucket = os.environ.get("RESULTS_BUCKET", "patch-portal-results")
    kept = list(cloud.objects().keys(bucket, "evidence/", most=1_000))
    report = HostReport.objects.get(target=rows["deb"], phase="patch")
    assert report.source == "s3"
    assert report.evidence_key in kept
    # This host may not write to the bucket: its report came from Systems Manager, and the asset says so.
    denied = HostReport.objects.get(target=rows["denied"], phase="patch")
    assert denied.source == "invocation"
    rows["denied"].asset.refresh_from_db()
    assert "results_denied" in rows["denied"].asset.coverage_reasons


def test_the_command_line_sees_the_tags_before_during_and_after(lab: LabServer, cloud: AwsCloud) -> None:
    run = a_run(cloud)
    write_due(cloud=cloud, now=database_now())
    before, during = by_hand(lab, PORTAL), dict[str, dict[str, str]]()
    sent: set[str] = set()

    def watch() -> None:
        rows = run.targets.filter(state=TargetState.IN_DISPATCH, account_id=PORTAL)
        if not during and rows.exists():
            sent.update(rows.values_list("asset__name", flat=True))
            during.update(by_hand(lab, PORTAL))

    to_the_end(run, cloud, watch)
    after, value = by_hand(lab, PORTAL), run.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert all(tags["PatchWindow"] == "saturday-night" for tags in [*before.values(), *after.values()])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00Z/\d{4}-\d\d-\d\dT00:00Z", before["exempt"]["PatchException"])
    assert not [name for name, tags in before.items() if BY_RUNS & tags.keys()]
    assert sent
    assert {name for name, tags in during.items() if tags.get("ssm-patch-now") == str(run.pk)} >= sent
    assert during["nap"]["PatchPortal:Wake"] == str(run.pk)
    assert not {"ssm-patch-now", "PatchPortal:Wake"} & {key for tags in after.values() for key in tags}
    assert {name for name, tags in after.items() if tags.get("LastPatched") == value} == patched(run)


def patched(run: Run) -> set[str]:
    return set(
        run.targets.filter(verdict=Verdict.PATCHED, account_id=PORTAL).values_list("asset__name", flat=True)
    )


def test_a_lost_answer_of_the_lab_is_adopted(lab: LabServer, cloud: AwsCloud) -> None:
    run = a_run(cloud)
    lab.control("/lab/drop", {"operation": "SendCommand", "times": 2})
    to_the_end(run, cloud)
    since = run.created_at - timedelta(minutes=1)
    names = set(run.dispatches.values_list("account_id", "document_name"))
    accepted = [
        command.comment
        for account, name in names
        for command in cloud.ssm(account, REGION).list_commands(document_name=name, invoked_after=since)
    ]
    assert sorted(accepted) == sorted(dispatch.comment for dispatch in run.dispatches.all()), "nothing twice"
    assert AuditEvent.objects.filter(run_id=run.pk, kind="dispatch.adopted").count() == 2
    assert run.dispatches.filter(state="collected").count() == run.dispatches.count()


def test_a_broken_account_does_not_stop_the_other(lab: LabServer, cloud: AwsCloud) -> None:
    lab.control("/lab/credentials", {"account": OTHER, "state": "revoked"})
    failures = sync_all(cloud=cloud, now=database_now())
    assert set(failures) == {OTHER}
    assert Asset.objects.filter(account__account_id=PORTAL).count() == 9
    broken = Account.objects.get(account_id=OTHER)
    assert broken.sync_error
    first = try_account(broken, cloud=cloud)[0]
    assert (first.what, first.works) == ("Enter the account", False)
    assert first.said


def test_an_unknown_role_and_a_wrong_external_id_are_told_in_a_sentence(
    lab: LabServer, cloud: AwsCloud
) -> None:
    account = Account.objects.get(account_id=OTHER)
    for facts in ({"role_name": "Nobody"}, {"external_id": "wrong"}):
        Account.objects.filter(pk=account.pk).update(**facts)
        failures = sync_all(cloud=AwsCloud(accesses, portal_region=REGION), now=database_now())
        assert "AccessDenied" in failures[OTHER] or "not allow" in failures[OTHER], failures


def test_syncing_twice_changes_nothing(lab: LabServer, cloud: AwsCloud) -> None:
    sync_all(cloud=cloud, now=database_now())
    before = list(Asset.objects.order_by("pk").values_list("pk", "instance_id", "first_seen_at"))
    sync_all(cloud=cloud, now=database_now())
    assert list(Asset.objects.order_by("pk").values_list("pk", "instance_id", "first_seen_at")) == before
