"""EC2 behind `aws.ports.Ec2`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aws.calls import Calls
from aws.errors import Refused
from aws.iam import iam
from aws.ports import TAGGED_RESOURCES_PER_CALL, Instance

INSTANCES_PER_PAGE = 1000
VALUES_PER_FILTER = 200


class Ec2Adapter:
    """Instances of one account and region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("ec2:DescribeInstances")
    def describe_instances(self) -> Iterator[Instance]:
        """Every instance, terminated ones too while EC2 still shows them."""
        return self._instances()

    @iam("ec2:DescribeInstances")
    def describe(self, instance_ids: Sequence[str]) -> list[Instance]:
        """Only those that exist; an unknown id is left out, not an error."""
        found: list[Instance] = []
        for start in range(0, len(instance_ids), VALUES_PER_FILTER):
            chunk = list(instance_ids[start : start + VALUES_PER_FILTER])
            # A filter, because one unknown id in InstanceIds would refuse the whole call.
            found += self._instances(Filters=[{"Name": "instance-id", "Values": chunk}])
        return found

    @iam("ec2:CreateTags")
    def create_tags(self, instance_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Set tags on 1..1000 instances; one unknown id refuses all of them (Missing names it)."""
        _check_batch("CreateTags", instance_ids)
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._calls.call("CreateTags", Resources=list(instance_ids), Tags=pairs)

    @iam("ec2:DeleteTags")
    def delete_tags(self, instance_ids: Sequence[str], keys: Sequence[str]) -> None:
        """Remove tags whatever their value; a tag that is not there is no error."""
        _check_batch("DeleteTags", instance_ids)
        self._calls.call("DeleteTags", Resources=list(instance_ids), Tags=[{"Key": key} for key in keys])

    @iam("ec2:StartInstances")
    def start_instances(self, instance_ids: Sequence[str]) -> None:
        """One attempt, all or none. Raises CapacityShortage, Missing, Refused (terminated)."""
        self._calls.call_once("StartInstances", InstanceIds=list(instance_ids))

    @iam("ec2:StopInstances")
    def stop_instances(self, instance_ids: Sequence[str]) -> None:
        """Shut down; stopped ones stay stopped. Raises Missing, Refused (instance store)."""
        self._calls.call("StopInstances", InstanceIds=list(instance_ids))

    def _instances(self, **params: Any) -> Iterator[Instance]:
        for page in self._calls.pages("DescribeInstances", INSTANCES_PER_PAGE, **params):
            for reservation in page.get("Reservations", ()):
                for raw in reservation.get("Instances", ()):
                    yield instance_of(raw, self._calls.account_id, self._calls.region)


def instance_of(raw: Mapping[str, Any], account_id: str, region: str) -> Instance:
    """One entry of DescribeInstances as our value; what EC2 leaves out stays empty."""
    return Instance(
        account_id=account_id,
        region=region,
        instance_id=raw["InstanceId"],
        state=raw["State"]["Name"],
        platform="windows" if str(raw.get("Platform", "")).lower() == "windows" else "linux",
        image_id=raw.get("ImageId", ""),
        instance_type=raw.get("InstanceType", ""),
        availability_zone=raw.get("Placement", {}).get("AvailabilityZone", ""),
        private_ip=raw.get("PrivateIpAddress", ""),
        instance_profile_arn=raw.get("IamInstanceProfile", {}).get("Arn", ""),
        root_device_type=raw.get("RootDeviceType", ""),
        state_reason=raw.get("StateReason", {}).get("Code", ""),
        launch_time=in_utc(raw.get("LaunchTime")),
        tags={tag["Key"]: tag["Value"] for tag in raw.get("Tags", ())},
    )


def in_utc(moment: datetime | None) -> datetime | None:
    """The SDK gives instants in several zone objects; ours are always UTC."""
    return moment.astimezone(UTC) if moment else None


def _check_batch(operation: str, instance_ids: Sequence[str]) -> None:
    if not 1 <= len(instance_ids) <= TAGGED_RESOURCES_PER_CALL:
        raise Refused(
            f"{operation} was not sent: it takes 1 to {TAGGED_RESOURCES_PER_CALL} instances, "
            f"not {len(instance_ids)}.",
            code="BatchSize",
            operation=operation,
        )
