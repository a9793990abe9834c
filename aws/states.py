"""AWS's other words, as it spells them: states of instances, agents, snapshots, documents and alarms.

A value that AWS returns stays text, and is compared with these: one that is new to us is equal to none of them.
"""

from __future__ import annotations

from enum import StrEnum


class InstanceState(StrEnum):
    """EC2 API reference, InstanceState."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


UP = frozenset({InstanceState.PENDING, InstanceState.RUNNING})
ASLEEP = frozenset({InstanceState.STOPPING, InstanceState.STOPPED})
GONE = frozenset({InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})


# StateReason of a stopped instance whose memory waits on its root volume, and of one that EC2 interrupted.
HIBERNATED = "Client.UserInitiatedHibernate"
SPOT_INTERRUPTED = "Server.SpotInstanceShutdown"


class PingStatus(StrEnum):
    """Whether the SSM agent answers (Systems Manager API reference, InstanceInformation)."""

    ONLINE = "Online"
    CONNECTION_LOST = "ConnectionLost"
    INACTIVE = "Inactive"


class SnapshotState(StrEnum):
    """Of an EBS snapshot (EC2 API reference, Snapshot)."""

    PENDING = "pending"
    COMPLETED = "completed"
    ERROR = "error"
    RECOVERABLE = "recoverable"
    RECOVERING = "recovering"


class RootVolumeState(StrEnum):
    """Of one CreateReplaceRootVolumeTask (EC2 API reference, ReplaceRootVolumeTask)."""

    PENDING = "pending"
    IN_PROGRESS = "in-progress"
    FAILING = "failing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_DETACHED = "failed-detached"


class DocumentState(StrEnum):
    """Systems Manager API reference, DocumentDescription."""

    CREATING = "Creating"
    ACTIVE = "Active"
    UPDATING = "Updating"
    DELETING = "Deleting"
    FAILED = "Failed"


class AlarmState(StrEnum):
    """CloudWatch API reference, MetricAlarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class TargetHealth(StrEnum):
    """Elastic Load Balancing API reference, TargetHealth."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNHEALTHY_DRAINING = "unhealthy.draining"
    UNUSED = "unused"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"
