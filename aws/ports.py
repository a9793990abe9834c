"""The shapes that the product asks of AWS: Protocols and frozen values, no SDK.

Every port method raises members of `aws.errors.CloudError` only. Lists are iterators that page by themselves.
Instants are timezone-aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from aws import command_status

Platform = Literal["linux", "windows"]

# AWS limits (EC2 and SSM API references); the planner cuts its batches by these.
TAGGED_RESOURCES_PER_CALL = 1000
INSTANCES_PER_COMMAND = 50


@dataclass(frozen=True)
class Instance:
    """One EC2 instance as DescribeInstances tells it. `platform` is what EC2 knows: windows, else linux."""

    account_id: str
    region: str
    instance_id: str
    state: str  # aws.states.InstanceState
    platform: Platform
    image_id: str = ""
    instance_type: str = ""
    availability_zone: str = ""
    private_ip: str = ""
    instance_profile_arn: str = ""
    root_device_type: str = ""  # ebs | instance-store (cannot be stopped)
    root_volume_id: str = ""
    state_reason: str = ""
    launch_time: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """An entry of DescribeInstances that is not as AWS documents it: it is there, and nothing more is known."""

    instance_id: str
    why: str


@dataclass(frozen=True)
class VolumeSnapshot:
    """One EBS snapshot of ours. It holds the volume as it was at `started_at`, also while it is still pending."""

    snapshot_id: str
    volume_id: str
    state: str  # aws.states.SnapshotState
    progress: str = ""  # "37%"
    message: str = ""  # why it is in error
    started_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RootVolumeTask:
    """One CreateReplaceRootVolumeTask."""

    task_id: str
    instance_id: str
    state: str  # aws.states.RootVolumeState
    snapshot_id: str = ""


@dataclass(frozen=True)
class ManagedNode:
    """What Systems Manager knows of an instance (DescribeInstanceInformation). Absent = no working agent."""

    instance_id: str
    ping_status: str  # aws.states.PingStatus
    agent_version: str = ""
    platform_type: str = ""  # Linux Windows MacOS
    platform_name: str = ""
    platform_version: str = ""
    last_ping_at: datetime | None = None


@dataclass(frozen=True)
class Command:
    """One accepted SendCommand. Counts and status are AWS's roll-up: a hint, never the verdict."""

    command_id: str
    comment: str
    document_name: str
    status: str
    requested_at: datetime | None
    target_count: int = 0
    completed_count: int = 0  # invocations in a terminal state
    error_count: int = 0


@dataclass(frozen=True)
class Invocation:
    """One command on one instance. `output` holds at most 2,500 characters when it comes from a list call."""

    command_id: str
    instance_id: str
    status: str  # aws.command_status.CommandStatus, as `status_details`, which is finer
    status_details: str
    output: str = ""
    response_code: int = -1

    @property
    def terminal(self) -> bool:
        return command_status.is_over(self.status)


@dataclass(frozen=True)
class SendRequest:
    """All that one SendCommand carries. `comment` is how a lost answer is found again (≤ 100 characters)."""

    document_name: str
    document_version: str
    instance_ids: Sequence[str]  # 1..50, explicit
    parameters: Mapping[str, Sequence[str]]
    comment: str
    delivery_timeout_s: int  # 30..2,592,000
    output_bucket: str
    output_prefix: str


class Ec2(Protocol):
    def describe_instances(self) -> Iterator[Instance | Unreadable]: ...
    def describe(self, instance_ids: Sequence[str]) -> list[Instance]:
        """Only those that exist and can be read; another id is left out, not an error."""
        ...

    def create_tags(self, instance_ids: Sequence[str], tags: Mapping[str, str]) -> None: ...
    def delete_tags(self, instance_ids: Sequence[str], keys: Sequence[str]) -> None: ...
    def may_write_tags(self, instance_id: str, key: str) -> None:
        """Asks by dry runs, which change nothing. Raises AccessRefused where it may not."""
        ...

    def start_instances(self, instance_ids: Sequence[str]) -> None: ...
    def stop_instances(self, instance_ids: Sequence[str], *, hibernate: bool = False) -> None: ...
    def create_snapshot(self, volume_id: str, *, description: str, tags: Mapping[str, str]) -> VolumeSnapshot:
        """One attempt (AWS knows no client token for it): after Ambiguous, look for the tags before a repeat."""
        ...

    def snapshots(self, key: str, values: Sequence[str]) -> list[VolumeSnapshot]:
        """The account's own snapshots whose tag `key` has one of these values."""
        ...

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Raises Missing when it is gone already, Refused while an image uses it."""
        ...

    def replace_root_volume(self, instance_id: str, snapshot_id: str, *, token: str) -> RootVolumeTask:
        """Puts the root volume back to a snapshot of it; the instance must run and reboots. Same token, same task."""
        ...

    def root_volume_tasks(self, instance_ids: Sequence[str]) -> list[RootVolumeTask]:
        """Every task of these instances that AWS still tells of."""
        ...


class Ssm(Protocol):
    def managed_nodes(self, ids: Sequence[str] | None = None) -> Iterator[ManagedNode]:
        """Every node with an agent that reported lately, or those of `ids`: one call for 50 of them."""
        ...

    def send_command(self, request: SendRequest) -> Command:
        """One attempt, no SDK retry: Throttled is safe to repeat, Ambiguous must be looked up first."""
        ...

    def list_commands(self, *, document_name: str, invoked_after: datetime) -> Iterator[Command]: ...
    def list_invocations(self, command_id: str) -> Iterator[Invocation]: ...
    def get_invocation(self, command_id: str, instance_id: str) -> Invocation:
        """Up to 24,000 characters of output; raises Missing while AWS does not show it yet."""
        ...

    def cancel_command(self, command_id: str) -> None: ...
    def publish_document(self, name: str, content: str) -> str:
        """Make `content` (YAML, schema 2.2) the default version of `name`; same content changes nothing.

        Returns the document version to name in SendCommand. Raises Refused with AWS's sentence.
        """
        ...


class Alarms(Protocol):
    def states(self, names: Sequence[str]) -> dict[str, str]:
        """Alarm name → OK | ALARM | INSUFFICIENT_DATA; names that do not exist here are left out."""
        ...


@dataclass(frozen=True)
class TargetGroupHealth:
    """Targets of a load balancer's target group that take part: unused and draining ones are not counted."""

    healthy: int
    total: int


class TargetGroups(Protocol):
    def health(self, names: Sequence[str]) -> dict[str, TargetGroupHealth]:
        """Target group name → its health; names that do not exist here are left out."""
        ...


class ObjectStore(Protocol):
    def put_once(self, bucket: str, key: str, body: bytes, *, content_type: str = "application/json") -> bool:
        """Write one object; False where one of that key exists already: nothing is ever written over."""
        ...

    def get(self, bucket: str, key: str, *, last_bytes: int, within_s: float) -> bytes:
        """The object, or its last bytes where it is larger. Raises Missing when there is no such object, TooSlow."""
        ...

    def keys(self, bucket: str, prefix: str, *, most: int) -> Iterator[str]:
        """The first `most` keys below a prefix, in S3's own order (by UTF-8 bytes)."""
        ...


class BucketSettings(Protocol):
    """What holds for a whole bucket. Every method raises Missing for an unknown bucket and AccessRefused."""

    def policy(self) -> dict[str, Any]:
        """The policy document, empty where there is none."""
        ...

    def ownership(self) -> str:
        """BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter; empty where nothing is set."""
        ...

    def public_access_block(self) -> dict[str, bool]:
        """AWS's four switches by its own names; empty where nothing is set."""
        ...

    def versioning(self) -> str:
        """Enabled or Suspended; empty where it was never switched on."""
        ...


@dataclass(frozen=True)
class QueueMessage:
    """One message as received; `receipt` deletes this very delivery of it."""

    receipt: str
    body: str


class Queue(Protocol):
    def receive(self, url: str, *, wait_s: int) -> list[QueueMessage]:
        """Up to ten messages; waits up to `wait_s` (0..20 seconds) while there is none."""
        ...

    def delete(self, url: str, receipts: Sequence[str]) -> None: ...


class Topics(Protocol):
    def publish(
        self, topic: str, *, title: str, body: str, attributes: Mapping[str, str | Sequence[str]],
        order: str, token: str,
    ) -> str:  # fmt: skip
        """Tells a topic once; SNS's id of the message. After Ambiguous it may have been told.

        `title` has fewer than 100 plain characters; body and attributes together at most 256 KiB.
        """
        ...


class Identity(Protocol):
    def account_id(self) -> str:
        """The account that the credentials really belong to (GetCallerIdentity)."""
        ...


class Entrance(Protocol):
    def opens(self, external_id: str) -> bool:
        """Whether the role lets the portal in with this external id ('' sends none). False only where AWS denies it.

        Raises CloudError where AWS says neither. A wrong one that opens the role means that anybody's would.
        """
        ...


class Cloud(Protocol):
    """Clients per account and region, behind assumed roles; `objects` uses the portal's own credentials."""

    def ec2(self, account_id: str, region: str) -> Ec2: ...
    def ssm(self, account_id: str, region: str) -> Ssm: ...
    def alarms(self, account_id: str, region: str) -> Alarms: ...
    def target_groups(self, account_id: str, region: str) -> TargetGroups: ...
    def identity(self, account_id: str) -> Identity: ...
    def entrance(self, account_id: str) -> Entrance: ...
    def objects(self) -> ObjectStore: ...
    def bucket(self, name: str) -> BucketSettings: ...
