"""EC2 behind `aws.ports.Ec2`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aws.calls import Calls
from aws.errors import Refused
from aws.iam import iam
from aws.ports import (
    TAGGED_RESOURCES_PER_CALL,
    Instance,
    Platform,
    RootVolumeTask,
    Unreadable,
    VolumeSnapshot,
)
from aws.states import SnapshotState

INSTANCES_PER_PAGE = 1000
VALUES_PER_FILTER = 200
SNAPSHOTS_PER_PAGE = 1000
TASK_INSTANCES, TASKS_PER_PAGE = 50, 50


class Ec2Adapter:
    """Instances of one account and region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("ec2:DescribeInstances")
    def describe_instances(self) -> Iterator[Instance | Unreadable]:
        """Every instance, terminated ones too while EC2 still shows them."""
        return self._instances()

    @iam("ec2:DescribeInstances")
    def describe(self, instance_ids: Sequence[str]) -> list[Instance]:
        """Only those that exist and can be read; another id is left out, not an error."""
        found: list[Instance] = []
        for start in range(0, len(instance_ids), VALUES_PER_FILTER):
            chunk = list(instance_ids[start : start + VALUES_PER_FILTER])
            # A filter, because one unknown id in InstanceIds would refuse the whole call.
            rows = self._instances(Filters=[{"Name": "instance-id", "Values": chunk}])
            found += [row for row in rows if isinstance(row, Instance)]
        return found

    @iam("ec2:CreateTags")
    def create_tags(self, instance_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Set tags on 1..1000 instances; one unknown id refuses all of them (Missing names it)."""
        _check_batch("CreateTags", instance_ids)
        self._calls.call("CreateTags", Resources=list(instance_ids), Tags=_pairs(tags))

    @iam("ec2:DeleteTags")
    def delete_tags(self, instance_ids: Sequence[str], keys: Sequence[str]) -> None:
        """Remove tags whatever their value; a tag that is not there is no error."""
        _check_batch("DeleteTags", instance_ids)
        self._calls.call("DeleteTags", Resources=list(instance_ids), Tags=[{"Key": key} for key in keys])

    @iam("ec2:CreateTags", "ec2:DeleteTags")
    def may_write_tags(self, instance_id: str, key: str) -> None:
        """Asks by dry runs, which change nothing. Raises AccessRefused where it may not."""
        self._dry_run("CreateTags", Resources=[instance_id], Tags=[{"Key": key, "Value": "trial"}])
        self._dry_run("DeleteTags", Resources=[instance_id], Tags=[{"Key": key}])

    def _dry_run(self, operation: str, **params: Any) -> None:
        """EC2 answers a dry run that would work with an error of its own."""
        try:
            self._calls.call(operation, DryRun=True, **params)
        except Refused as error:
            if error.code != "DryRunOperation":
                raise

    @iam("ec2:StartInstances")
    def start_instances(self, instance_ids: Sequence[str]) -> None:
        """One attempt, all or none. Raises CapacityShortage, Missing, Refused (terminated)."""
        self._calls.call_once("StartInstances", InstanceIds=list(instance_ids))

    @iam("ec2:StopInstances")
    def stop_instances(self, instance_ids: Sequence[str], *, hibernate: bool = False) -> None:
        """Shut down, with what is in memory kept on the root volume where `hibernate`; stopped ones stay as they are.

        All or none. Raises Missing, Refused (aws.power_refusals).
        """
        how = {"Hibernate": True} if hibernate else {}
        self._calls.call("StopInstances", InstanceIds=list(instance_ids), **how)

    @iam("ec2:CreateSnapshot", "ec2:CreateTags")
    def create_snapshot(self, volume_id: str, *, description: str, tags: Mapping[str, str]) -> VolumeSnapshot:
        """One attempt (AWS knows no client token for it): after Ambiguous, look for the tags before a repeat."""
        raw = self._calls.call_once(
            "CreateSnapshot",
            VolumeId=volume_id,
            Description=description[:255],
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": _pairs(tags)}],
        )
        return snapshot_of(raw)

    @iam("ec2:DescribeSnapshots")
    def snapshots(self, key: str, values: Sequence[str]) -> list[VolumeSnapshot]:
        """The account's own snapshots whose tag `key` has one of these values."""
        found: list[VolumeSnapshot] = []
        for start in range(0, len(values), VALUES_PER_FILTER):
            wanted = {"Name": f"tag:{key}", "Values": list(values[start : start + VALUES_PER_FILTER])}
            pages = self._calls.pages(
                "DescribeSnapshots", SNAPSHOTS_PER_PAGE, OwnerIds=["self"], Filters=[wanted]
            )
            found += [snapshot_of(raw) for page in pages for raw in page.get("Snapshots", ())]
        return found

    @iam("ec2:DeleteSnapshot")
    def delete_snapshot(self, snapshot_id: str) -> None:
        """Raises Missing when it is gone already, Refused while an image uses it."""
        self._calls.call("DeleteSnapshot", SnapshotId=snapshot_id)

    @iam("ec2:CreateReplaceRootVolumeTask")
    def replace_root_volume(self, instance_id: str, snapshot_id: str, *, token: str) -> RootVolumeTask:
        """Puts the root volume back to a snapshot of it; the instance must run and reboots. Same token, same task.

        The volume that it had until then stays, detached: nothing of it is lost.
        """
        answer = self._calls.call(
            "CreateReplaceRootVolumeTask", InstanceId=instance_id, SnapshotId=snapshot_id, ClientToken=token
        )
        return task_of(answer["ReplaceRootVolumeTask"])

    @iam("ec2:DescribeReplaceRootVolumeTasks")
    def root_volume_tasks(self, instance_ids: Sequence[str]) -> list[RootVolumeTask]:
        """Every task of these instances that AWS still tells of."""
        found: list[RootVolumeTask] = []
        for start in range(0, len(instance_ids), TASK_INSTANCES):
            # By instances, because one unknown task id would refuse the whole call.
            wanted = {"Name": "instance-id", "Values": list(instance_ids[start : start + TASK_INSTANCES])}
            pages = self._calls.pages("DescribeReplaceRootVolumeTasks", TASKS_PER_PAGE, Filters=[wanted])
            found += [task_of(raw) for page in pages for raw in page.get("ReplaceRootVolumeTasks", ())]
        return found

    def _instances(self, **params: Any) -> Iterator[Instance | Unreadable]:
        for page in self._calls.pages("DescribeInstances", INSTANCES_PER_PAGE, **params):
            for reservation in page.get("Reservations", ()):
                for raw in reservation.get("Instances", ()):
                    yield read_instance(raw, self._calls.account_id, self._calls.region)


def read_instance(raw: Mapping[str, Any], account_id: str, region: str) -> Instance | Unreadable:
    """One entry, whatever stands in it: a bad one never stops the list."""
    try:
        return instance_of(raw, account_id, region)
    except (LookupError, TypeError, ValueError, AttributeError) as problem:
        return Unreadable(str(raw.get("InstanceId", "")), f"EC2 told of it what cannot be read: {problem!r}")


def instance_of(raw: Mapping[str, Any], account_id: str, region: str) -> Instance:
    """One entry of DescribeInstances as our value; what EC2 leaves out stays empty."""
    return Instance(
        account_id=account_id,
        region=region,
        instance_id=raw["InstanceId"],
        state=raw["State"]["Name"],
        platform=_platform(raw),
        image_id=raw.get("ImageId", ""),
        instance_type=raw.get("InstanceType", ""),
        availability_zone=raw.get("Placement", {}).get("AvailabilityZone", ""),
        private_ip=raw.get("PrivateIpAddress", ""),
        instance_profile_arn=raw.get("IamInstanceProfile", {}).get("Arn", ""),
        root_device_type=raw.get("RootDeviceType", ""),
        root_volume_id=_root_volume(raw),
        state_reason=raw.get("StateReason", {}).get("Code", ""),
        launch_time=in_utc(raw.get("LaunchTime")),
        tags={tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())},
    )


def _platform(raw: Mapping[str, Any]) -> Platform:
    """Platform is empty for some Windows, whose PlatformDetails says `Windows BYOL`, `Windows with SQL Server …`."""
    words = (raw.get("Platform", ""), raw.get("PlatformDetails", ""))
    return "windows" if any(str(word).lower().startswith("windows") for word in words) else "linux"


def _root_volume(raw: Mapping[str, Any]) -> str:
    """The EBS volume behind the root device; empty for an instance-store root."""
    for device in raw.get("BlockDeviceMappings", ()):
        if device.get("DeviceName") == raw.get("RootDeviceName"):
            return str(device.get("Ebs", {}).get("VolumeId", ""))
    return ""


def snapshot_of(raw: Mapping[str, Any]) -> VolumeSnapshot:
    """One entry of DescribeSnapshots, or the answer of CreateSnapshot."""
    return VolumeSnapshot(
        snapshot_id=raw["SnapshotId"],
        volume_id=raw.get("VolumeId", ""),
        state=raw.get("State", SnapshotState.PENDING),
        progress=raw.get("Progress", ""),
        message=raw.get("StateMessage", ""),
        started_at=in_utc(raw.get("StartTime")),
        tags={tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())},
    )


def task_of(raw: Mapping[str, Any]) -> RootVolumeTask:
    return RootVolumeTask(
        task_id=raw["ReplaceRootVolumeTaskId"],
        instance_id=raw["InstanceId"],
        state=raw["TaskState"],
        snapshot_id=raw.get("SnapshotId", ""),
    )


def in_utc(moment: datetime | None) -> datetime | None:
    """The SDK gives instants in several zone objects; ours are always UTC. One outside the calendar is none."""
    try:
        return moment.astimezone(UTC) if moment else None
    except OverflowError:
        return None


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _check_batch(operation: str, instance_ids: Sequence[str]) -> None:
    if not 1 <= len(instance_ids) <= TAGGED_RESOURCES_PER_CALL:
        raise Refused(
            f"{operation} was not sent: it takes 1 to {TAGGED_RESOURCES_PER_CALL} instances, "
            f"not {len(instance_ids)}.",
            code="BatchSize",
            operation=operation,
        )
