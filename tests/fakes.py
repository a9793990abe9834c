"""An AWS in memory behind aws.ports: deterministic, with the faults that the engine must survive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aws.errors import Ambiguous, CloudError, Missing, Refused
from aws.ports import (
    Command,
    Instance,
    RootVolumeTask,
    SendRequest,
    TargetGroupHealth,
    VolumeSnapshot,
)
from aws.states import GONE, HIBERNATED, SPOT_INTERRUPTED
from tests.fake_entry import FakeEntrance, FakeIdentity
from tests.fake_s3 import FakeBucket, FakeObjects
from tests.fake_ssm import FakeSsm

ACCOUNT, REGION = "111122223333", "eu-central-1"


@dataclass
class FakeHost:
    """One instance: its EC2 facts, and what its document will report."""

    instance: Instance
    online: bool = True
    runs: str = ""  # what its agent says, where EC2 calls its image something else
    pending: int = 3
    precheck: str = "ready"
    patch: str = "patched"
    silent: bool = False  # accepts patch commands and never answers
    checks: list[dict[str, Any]] = field(default_factory=list)  # of its pre-check
    gone_silent: bool = False  # nor does it answer when it is looked at again
    hibernation: bool = False  # configured at its launch
    stop_protected: bool = False
    clock_stepped_s: int = 0  # by which its clock is set while a document runs
    start_refused: CloudError | None = None  # what StartInstances answers for it, all night long
    stop_refused: CloudError | None = None
    changes: list[dict[str, Any]] | None = None  # that its patch tells of; None: openssl, as everybody
    withheld: tuple[int, int] | None = None  # updates that it withholds: all, for security
    release: dict[str, Any] | None = None  # that its repositories are bound to
    executed: list[str] = field(default_factory=list)  # dispatch ids whose patch document really ran

    def refusal_of_a_start(self) -> CloudError | None:
        """EC2 starts what is stopped, and answers for what runs; nothing else."""
        if self.instance.state in GONE:
            return Refused("It is not in a state.", code="IncorrectInstanceState", operation="StartInstances")
        if self.instance.state_reason == SPOT_INTERRUPTED and self.instance.state == "stopped":
            said = "Only Amazon EC2 can restart an interrupted stopped Spot Instance."
            return Refused(said, code="IncorrectSpotRequestState", operation="StartInstances")
        return self.start_refused if self.instance.state == "stopped" else None

    def refusal_of_a_stop(self, *, hibernate: bool) -> CloudError | None:
        if self.instance.state in GONE:
            return Refused("It is not in a state.", code="IncorrectInstanceState", operation="StopInstances")
        if self.stop_protected and self.instance.state != "stopped":
            said = f"The instance '{self.instance.instance_id}' may not be stopped. "
            said += "Modify its 'disableApiStop' instance attribute and try again."
            return Refused(said, code="OperationNotPermitted", operation="StopInstances")
        if hibernate and not self.hibernation:
            return Refused("It is not enabled.", code="UnsupportedHibernationConfiguration")
        return self.stop_refused


@dataclass
class Clock:
    now: datetime = datetime(2026, 12, 5, 20, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class FakeCloud:
    """All accounts and regions in one; `calls` is the log, `before` and `after` are hooks that may raise."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.hosts: dict[str, FakeHost] = {}
        self.commands: dict[str, tuple[Command, SendRequest]] = {}
        self.stored: dict[str, bytes] = {}
        self.printed: dict[tuple[str, str], str] = {}  # (command, instance) → what SSM itself keeps
        self.documents: dict[str, str] = {}
        self.bucket_has: dict[str, Any] = {}  # its policy and settings
        self.alarm_states: dict[str, str] = {}
        self.target_groups_here: dict[str, TargetGroupHealth] = {}
        self.volume_snapshots: dict[str, VolumeSnapshot] = {}
        self.root_tasks: dict[str, RootVolumeTask] = {}  # by client token
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.refuses_documents_in: dict[str, CloudError] = {}  # by account
        self.opens_to: Callable[[str], bool] = lambda external_id: external_id == "x1"
        self.before: Callable[[str], None] = lambda operation: None
        self.after: Callable[[str], None] = lambda operation: None

    def add(self, number: int, **facts: Any) -> FakeHost:
        """A host; keywords of Instance or FakeHost."""
        own = {key: facts.pop(key) for key in list(facts) if key in FakeHost.__dataclass_fields__}
        defaults: dict[str, Any] = {
            "account_id": ACCOUNT, "region": REGION, "instance_id": f"i-{number:017x}", "state": "running",
            "platform": "linux", "instance_profile_arn": "arn:aws:iam::111122223333:instance-profile/ssm",
            "root_device_type": "ebs", "root_volume_id": f"vol-{number:017x}", "launch_time": self.clock(),
            "tags": {"Name": f"web-{number}", "Application": "payments", "Owner": "payments-team"},
        }  # fmt: skip
        instance = Instance(**(defaults | facts))
        self.hosts[instance.instance_id] = FakeHost(instance, **own)
        return self.hosts[instance.instance_id]

    def called(self, operation: str) -> list[tuple[str, ...]]:
        return [ids for name, ids in self.calls if name == operation]

    def call(self, operation: str, ids: Sequence[str] = ()) -> None:
        self.before(operation)
        self.calls.append((operation, tuple(ids)))

    def ec2(self, account_id: str, region: str) -> FakeEc2:
        return FakeEc2(self, account_id, region)

    def ssm(self, account_id: str, region: str) -> FakeSsm:
        return FakeSsm(self, account_id, region)

    def alarms(self, account_id: str, region: str) -> FakeAlarms:
        return FakeAlarms(self)

    def target_groups(self, account_id: str, region: str) -> FakeTargetGroups:
        return FakeTargetGroups(self)

    def identity(self, account_id: str) -> FakeIdentity:
        return FakeIdentity(self, account_id)

    def entrance(self, account_id: str) -> FakeEntrance:
        return FakeEntrance(self)

    def objects(self) -> FakeObjects:
        return FakeObjects(self)

    def bucket(self, name: str) -> FakeBucket:
        return FakeBucket(self)


@dataclass
class FakeAlarms:
    cloud: FakeCloud

    def states(self, names: Sequence[str]) -> dict[str, str]:
        self.cloud.call("DescribeAlarms")
        return {name: state for name, state in self.cloud.alarm_states.items() if name in names}


@dataclass
class FakeTargetGroups:
    cloud: FakeCloud

    def health(self, names: Sequence[str]) -> dict[str, TargetGroupHealth]:
        self.cloud.call("DescribeTargetHealth")
        return {name: found for name, found in self.cloud.target_groups_here.items() if name in names}


@dataclass
class FakeEc2:
    cloud: FakeCloud
    account: str
    region: str

    def _here(self) -> list[FakeHost]:
        return [
            host for host in self.cloud.hosts.values()
            if (host.instance.account_id, host.instance.region) == (self.account, self.region)
        ]  # fmt: skip

    def _named(self, ids: Sequence[str]) -> list[FakeHost]:
        known = {host.instance.instance_id: host for host in self._here()}
        unknown = tuple(item for item in ids if item not in known)
        if unknown:
            raise Missing(
                f"The instance {unknown[0]} does not exist.", code="InvalidInstanceID.NotFound", ids=unknown
            )
        return [known[item] for item in ids]

    def describe_instances(self) -> Iterator[Instance]:
        self.cloud.call("DescribeInstances")
        yield from [host.instance for host in self._here()]

    def describe(self, instance_ids: Sequence[str]) -> list[Instance]:
        self.cloud.call("DescribeInstances", instance_ids)
        return [host.instance for host in self._here() if host.instance.instance_id in set(instance_ids)]

    def create_tags(self, instance_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        self.cloud.call("CreateTags", instance_ids)
        for host in self._named(instance_ids):
            host.instance = replace(host.instance, tags={**host.instance.tags, **tags})
        self.cloud.after("CreateTags")

    def delete_tags(self, instance_ids: Sequence[str], keys: Sequence[str]) -> None:
        self.cloud.call("DeleteTags", instance_ids)
        for host in self._named(instance_ids):
            left = {key: value for key, value in host.instance.tags.items() if key not in keys}
            host.instance = replace(host.instance, tags=left)
        self.cloud.after("DeleteTags")

    def may_write_tags(self, instance_id: str, key: str) -> None:
        self.cloud.call("DryRun", (instance_id,))

    def start_instances(self, instance_ids: Sequence[str]) -> None:
        self.cloud.call("StartInstances", instance_ids)
        hosts = self._named(instance_ids)
        for host in hosts:
            if error := host.refusal_of_a_start():
                raise error
        for host in hosts:
            if host.instance.state != "running":
                now = self.cloud.clock()
                host.instance = replace(host.instance, state="running", state_reason="", launch_time=now)
        self.cloud.after("StartInstances")

    def stop_instances(self, instance_ids: Sequence[str], *, hibernate: bool = False) -> None:
        self.cloud.call("StopInstances", instance_ids)
        hosts = self._named(instance_ids)
        for host in hosts:
            if error := host.refusal_of_a_stop(hibernate=hibernate):
                raise error
        reason = HIBERNATED if hibernate else "Client.UserInitiatedShutdown"
        for host in hosts:
            if host.instance.state != "stopped":
                host.instance = replace(host.instance, state="stopped", state_reason=reason)
        self.cloud.after("StopInstances")

    def create_snapshot(self, volume_id: str, *, description: str, tags: Mapping[str, str]) -> VolumeSnapshot:
        self.cloud.call("CreateSnapshot", (volume_id,))
        identity = f"snap-{len(self.cloud.volume_snapshots) + 1:017x}"
        made = VolumeSnapshot(identity, volume_id, "pending", "0%", "", self.cloud.clock(), dict(tags))
        self.cloud.volume_snapshots[identity] = made
        self.cloud.after("CreateSnapshot")
        return made

    def snapshots(self, key: str, values: Sequence[str]) -> list[VolumeSnapshot]:
        self.cloud.call("DescribeSnapshots")
        return [item for item in self.cloud.volume_snapshots.values() if item.tags.get(key) in values]

    def delete_snapshot(self, snapshot_id: str) -> None:
        self.cloud.call("DeleteSnapshot", (snapshot_id,))
        if self.cloud.volume_snapshots.pop(snapshot_id, None) is None:
            raise Missing("The snapshot does not exist.", code="InvalidSnapshot.NotFound", ids=(snapshot_id,))
        self.cloud.after("DeleteSnapshot")

    def replace_root_volume(self, instance_id: str, snapshot_id: str, *, token: str) -> RootVolumeTask:
        self.cloud.call("CreateReplaceRootVolumeTask", (instance_id,))
        known = self.cloud.root_tasks
        known.setdefault(
            token, RootVolumeTask(f"replacevol-{len(known) + 1}", instance_id, "pending", snapshot_id)
        )
        self.cloud.after("CreateReplaceRootVolumeTask")
        return known[token]

    def root_volume_tasks(self, instance_ids: Sequence[str]) -> list[RootVolumeTask]:
        self.cloud.call("DescribeReplaceRootVolumeTasks")
        return [task for task in self.cloud.root_tasks.values() if task.instance_id in instance_ids]


def copy_snapshots(cloud: FakeCloud, state: str = "completed") -> None:
    """Every snapshot that is still being copied ends."""
    for identity, item in cloud.volume_snapshots.items():
        if item.state == "pending":
            cloud.volume_snapshots[identity] = replace(item, state=state)


def lose_answer(cloud: FakeCloud, operation: str, times: int = 1) -> None:
    """The call is carried out, but its answer never arrives."""
    left = [times]

    def after(name: str) -> None:
        if name == operation and left[0] > 0:
            left[0] -= 1
            raise Ambiguous("The connection was closed before the answer.", operation=operation)

    cloud.after = after


def raising(cloud: FakeCloud, operation: str, error: Exception, times: int = 1) -> None:
    """The call is refused before it does anything."""
    left = [times]

    def before(name: str) -> None:
        if name == operation and left[0] > 0:
            left[0] -= 1
            raise error

    cloud.before = before
