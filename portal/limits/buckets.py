"""How fast AWS lets an account call each API: token buckets of (capacity, refill a second). Pure data.

EC2's are its published request buckets. Systems Manager publishes none: those are careful assumptions, and a throttled
reply halves the rate of its bucket until it has recovered. Sources: the EC2 developer guide, "Request throttling".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bucket:
    """`capacity` calls at once, then `refill` a second; nobody waits longer than `longest_wait_s` for a token."""

    capacity: float
    refill: float
    longest_wait_s: float = 30.0


# A dispatch must be sent within seconds of its commit, and a start is better tried again at the next reconcile.
SOON = 4.0
READS, WRITES = Bucket(100, 20), Bucket(100, 10)
SSM_READS, SSM_WRITES = Bucket(10, 5), Bucket(5, 2)
BUCKETS: dict[str, Bucket] = {
    "DescribeInstances": READS,
    "DescribeVolumes": READS,
    "DescribeSnapshots": READS,
    "DescribeReplaceRootVolumeTasks": READS,
    "CreateTags": WRITES,
    "DeleteTags": WRITES,
    "StartInstances": Bucket(5, 2, SOON),
    "StopInstances": Bucket(50, 5),
    "CreateSnapshot": Bucket(100, 5),
    "DeleteSnapshot": Bucket(100, 5),
    "CreateReplaceRootVolumeTask": Bucket(50, 5, SOON),
    "SendCommand": Bucket(3, 3, SOON),
    "CancelCommand": SSM_WRITES,
    "ListCommands": SSM_READS,
    "ListCommandInvocations": SSM_READS,
    "GetCommandInvocation": SSM_READS,
    "DescribeInstanceInformation": SSM_READS,
    "DescribeDocument": SSM_WRITES,
    "GetDocument": SSM_WRITES,
    "CreateDocument": SSM_WRITES,
    "UpdateDocument": SSM_WRITES,
    "UpdateDocumentDefaultVersion": SSM_WRITES,
    "DescribeAlarms": Bucket(9, 9),
    "DescribeTargetGroups": READS,
    "DescribeTargetHealth": READS,
}
