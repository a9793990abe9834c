"""Snapshots and root volumes put back, through the product's own adapter: the host really has its old files."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws.errors import Missing, Refused
from aws.ports import Ec2, RootVolumeTask, VolumeSnapshot
from aws.session import AccountAccess, AwsCloud
from lab.ec2.volumes import Volumes
from lab.server import LabServer
from tests.contract.lab.fleet import PORTAL, REGION, account, eventually

TAG = "PatchPortal:Snapshot"
HOSTS: list[dict[str, Any]] = [
    {"name": "deb"},
    {"name": "asleep", "state": "stopped"},
    {"name": "store", "root_device": "instance-store"},
]
DEFAULTS = {"account": PORTAL, "region": REGION, "tags": {"PatchPortal:Managed": "true"}}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabServer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    fleet = {"accounts": [account(PORTAL)], "defaults": DEFAULTS, "hosts": HOSTS}
    with LabServer(fleet, tmp_path, 60.0) as running:
        yield running


@pytest.fixture
def ec2(server: LabServer) -> Ec2:
    accounts = {PORTAL: AccountAccess(PORTAL, "PatchPortal", "agreed", (REGION,))}
    return AwsCloud(accounts, portal_region=REGION, endpoint_url=server.url).ec2(PORTAL, REGION)


def instance_id(server: LabServer, name: str) -> str:
    return str(next(one for one in server.control("/lab/hosts") if one["name"] == name)["instance_id"])


def take(ec2: Ec2, identity: str) -> VolumeSnapshot:
    volume = ec2.describe([identity])[0].root_volume_id
    made = ec2.create_snapshot(volume, description="before", tags={TAG: "row-1", "Name": "deb before"})
    eventually(lambda: ec2.snapshots(TAG, ["row-1"])[0].state == "completed")
    return made


def task_of(ec2: Ec2, task: RootVolumeTask) -> RootVolumeTask:
    return next(one for one in ec2.root_volume_tasks([task.instance_id]) if one.task_id == task.task_id)


def files_of(tmp_path: Path, identity: str) -> Path:
    folder = tmp_path / "hosts" / PORTAL / identity
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_a_snapshot_is_found_by_its_tag_and_deleted_once(server: LabServer, ec2: Ec2) -> None:
    made = take(ec2, instance_id(server, "deb"))
    assert made.snapshot_id.startswith("snap-")
    assert made.started_at is not None
    found = ec2.snapshots(TAG, ["row-1", "row-2"])
    assert [one.snapshot_id for one in found] == [made.snapshot_id]
    assert found[0].tags["Name"] == "deb before"
    assert ec2.snapshots(TAG, ["row-2"]) == []
    ec2.delete_snapshot(made.snapshot_id)
    assert ec2.snapshots(TAG, ["row-1"]) == []
    with pytest.raises(Missing):
        ec2.delete_snapshot(made.snapshot_id)
    with pytest.raises(Missing):
        ec2.create_snapshot("vol-0ffffffffffffffff", description="", tags={TAG: "x"})


def test_the_host_has_its_old_files_again(server: LabServer, ec2: Ec2, tmp_path: Path) -> None:
    identity = instance_id(server, "deb")
    folder = files_of(tmp_path, identity)
    (folder / "version").write_text("old")
    (folder / "link").symlink_to("version")
    made = take(ec2, identity)
    (folder / "version").write_text("new")
    (folder / "added").write_text("since")
    token = str(uuid.uuid4())
    task = ec2.replace_root_volume(identity, made.snapshot_id, token=token)
    assert ec2.replace_root_volume(identity, made.snapshot_id, token=token).task_id == task.task_id
    eventually(lambda: task_of(ec2, task).state == "succeeded")
    assert (folder / "link").read_text() == "old"
    assert not (folder / "added").exists()
    after = ec2.describe([identity])[0]
    assert after.root_volume_id != made.volume_id
    assert len(ec2.root_volume_tasks([identity])) == 1


def test_what_cannot_be_restored_is_refused(server: LabServer, ec2: Ec2) -> None:
    deb, asleep, store = (instance_id(server, name) for name in ("deb", "asleep", "store"))
    made = take(ec2, deb)
    for identity, snapshot, error in [
        (asleep, made.snapshot_id, Refused),  # it must run
        (deb, "snap-0ffffffffffffffff", Missing),
        (store, made.snapshot_id, Refused),  # another host's
    ]:
        with pytest.raises(error):
            ec2.replace_root_volume(identity, snapshot, token=str(uuid.uuid4()))
    assert ec2.describe([store])[0].root_volume_id == ""


def test_faults_of_snapshots_and_restores(server: LabServer, ec2: Ec2) -> None:
    identity = instance_id(server, "deb")
    made = take(ec2, identity)
    server.control("/lab/fault", {"host": "deb", "fault": "snapshot_refused"})
    with pytest.raises(Refused):
        ec2.create_snapshot(made.volume_id, description="", tags={TAG: "row-2"})
    server.control("/lab/fault", {"host": "deb", "fault": "restore_fails"})
    task = ec2.replace_root_volume(identity, made.snapshot_id, token="t")
    eventually(lambda: task_of(ec2, task).state == "failed")
    assert ec2.describe([identity])[0].root_volume_id == made.volume_id


def test_a_second_start_of_the_lab_knows_the_snapshots(tmp_path: Path, ec2: Ec2, server: LabServer) -> None:
    made = take(ec2, instance_id(server, "deb"))
    again = Volumes(tmp_path)
    assert again.snapshots[made.snapshot_id].tags[TAG] == "row-1"
