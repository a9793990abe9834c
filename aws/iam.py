"""The IAM actions that the adapters declare, and the least-privilege policies of the two roles made of them.

`aws/policies.py` joins them with what else an installation needs; docs/iam-policy.json keeps it all.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

ADAPTERS = (
    "aws.ec2.Ec2Adapter",
    "aws.ssm.SsmAdapter",
    "aws.s3.S3Adapter",
    "aws.bucket.BucketAdapter",
    "aws.sts.StsAdapter",
    "aws.sts.EntranceAdapter",
    "aws.cloudwatch.CloudWatchAdapter",
    "aws.load_balancing.TargetGroupsAdapter",
    "aws.sqs.SqsAdapter",
    "aws.sns.SnsAdapter",
)
OUTPUT, EVIDENCE = (
    "output",
    "evidence",
)  # folders of the bucket: what hosts may write to, and what only the portal may
Conditions = Mapping[str, Mapping[str, str | list[str]]]
Method = TypeVar("Method", bound=Callable[..., Any])


def iam(*actions: str) -> Callable[[Method], Method]:
    """Declare the IAM actions that an adapter method needs, e.g. `@iam("ec2:CreateTags")`."""

    def mark(method: Method) -> Method:
        method.iam_actions = actions  # type: ignore[attr-defined]
        return method

    return mark


@dataclass(frozen=True)
class Grant:
    """One policy statement: these actions on these resources, by the role in each account or the portal's."""

    sid: str
    role: str  # managed | portal
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Conditions = field(default_factory=dict)


WRITTEN_KEYS = (
    "LastPatched",
    "PatchException",
    "PatchPortal:Wake",
    "PatchWindow",
    "Schedule",
    "custodian_downtime",
    "maid_offhours",
    "maid_onhours",
    "ssm-patch-now",
)


@dataclass(frozen=True)
class Names:
    """What an installation may name differently; the policy is limited to these."""

    role: str = "PatchPortal"
    bucket: str = "patch-portal-results"
    queue: str = "patch-portal-events"
    topic: str = "patch-portal-notices"
    document_prefix: str = "PatchPortal-"
    windows_document: str = "AWS-InstallWindowsUpdates"  # AWS owns it: its ARN names no account
    snapshot_tag: str = "PatchPortal:Snapshot"
    managed_tag: str = "PatchPortal:Managed"  # set by the owner's people, never by the portal
    # Every key that the portal writes to instances: its own, and those of the schedulers that it sets aside.
    tag_keys: tuple[str, ...] = WRITTEN_KEYS
    portal_role_arn: str = "arn:aws:iam::ACCOUNT-OF-THE-PORTAL:role/ROLE-OF-THE-PORTAL"
    external_id: str = "EXTERNAL-ID"
    accounts: tuple[str, ...] = ("ACCOUNT-OF-YOUR-SERVERS",)

    @property
    def partition(self) -> str:
        return self.portal_role_arn.split(":")[1]

    @property
    def portal_account(self) -> str:
        return self.portal_role_arn.split(":")[4]


def grants(names: Names) -> tuple[Grant, ...]:
    """Who may do what where. EC2's and SSM's list calls know no narrower resource than `*`."""
    return (*_in_each_account(names), *_of_the_portal(names))


def _in_each_account(names: Names) -> tuple[Grant, ...]:
    documents = f"arn:*:ssm:*:*:document/{names.document_prefix}*"
    windows = f"arn:*:ssm:*::document/{names.windows_document}"
    instances = "arn:*:ec2:*:*:instance/*"
    snapshots = "arn:*:ec2:*::snapshot/*"
    return (
        Grant("ReadInstances", "managed", ("ec2:DescribeInstances",), ("*",)),
        Grant("WriteInstanceTags", "managed", _WRITE_TAGS, (instances,), _only_keys(names.tag_keys)),
        Grant("PowerInstances", "managed", _POWER, (instances,), _managed(names)),
        Grant("ReadSnapshots", "managed", _READ_SNAPSHOTS, ("*",)),
        Grant("TakeSnapshots", "managed", ("ec2:CreateSnapshot",), ("arn:*:ec2:*:*:volume/*", snapshots)),
        Grant("TagNewSnapshots", "managed", ("ec2:CreateTags",), (snapshots,), _ON_CREATION),
        Grant(
            "DeleteOwnSnapshots", "managed", ("ec2:DeleteSnapshot",), (snapshots,), _own(names.snapshot_tag)
        ),
        Grant("RestoreManagedInstances", "managed", _RESTORE, (instances,), _managed(names)),
        Grant("RestoreFromOwnSnapshots", "managed", _RESTORE, (snapshots,), _own(names.snapshot_tag)),
        Grant("RestoreOntoNewVolumes", "managed", _RESTORE, _MADE_BY_A_RESTORE),
        Grant("ReadCommands", "managed", _READ_COMMANDS, ("*",)),
        Grant("SendPortalDocuments", "managed", ("ssm:SendCommand",), (documents, windows, instances)),
        Grant("CancelCommands", "managed", ("ssm:CancelCommand",), ("*",)),
        Grant("ReadPortalDocuments", "managed", ("ssm:DescribeDocument", "ssm:GetDocument"), (documents,)),
        Grant("WritePortalDocuments", "managed", _WRITE_DOCUMENTS, (documents,)),
        Grant("ReadAlarms", "managed", ("cloudwatch:DescribeAlarms",), ("*",)),
        Grant("ReadTargetGroups", "managed", _READ_TARGET_GROUPS, ("*",)),
        Grant("ReadOwnIdentity", "managed", ("sts:GetCallerIdentity",), ("*",)),
    )


def _of_the_portal(names: Names) -> tuple[Grant, ...]:
    bucket = f"arn:*:s3:::{names.bucket}"
    return (
        Grant("EnterAccounts", "portal", ("sts:AssumeRole",), (f"arn:*:iam::*:role/{names.role}",)),
        Grant("ListResults", "portal", ("s3:ListBucket",), (bucket,)),
        Grant("ReadResults", "portal", ("s3:GetObject",), (f"{bucket}/*",)),
        Grant("KeepEvidence", "portal", ("s3:PutObject",), (f"{bucket}/{EVIDENCE}/*",)),
        Grant("CheckTheBucket", "portal", _CHECK_BUCKET, (bucket,)),
        Grant(
            "ReadEvents",
            "portal",
            ("sqs:DeleteMessage", "sqs:ReceiveMessage"),
            (f"arn:*:sqs:*:*:{names.queue}",),
        ),
        Grant("TellTheTopic", "portal", ("sns:Publish",), (f"arn:*:sns:*:*:{names.topic}",)),
    )


def _only_keys(keys: Iterable[str]) -> Conditions:
    """No other key, and at least one: a request without keys would pass the first condition, and take all tags away."""
    return {"ForAllValues:StringEquals": {"aws:TagKeys": sorted(keys)}, "Null": {"aws:TagKeys": "false"}}


def _managed(names: Names) -> Conditions:
    """Hosts that their owners gave over: the portal cannot write this tag."""
    return {"StringEquals": {f"aws:ResourceTag/{names.managed_tag}": "true"}}


def _own(tag: str) -> Conditions:
    """Only what bears our tag: a snapshot that somebody else took is never deleted."""
    return {"StringLike": {f"aws:ResourceTag/{tag}": "*"}}


_ON_CREATION = {"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}}
_WRITE_TAGS = ("ec2:CreateTags", "ec2:DeleteTags")
_POWER = ("ec2:StartInstances", "ec2:StopInstances")
_RESTORE = ("ec2:CreateReplaceRootVolumeTask",)
# They come into being with the call, so they bear no tag that a condition could ask for.
_MADE_BY_A_RESTORE = ("arn:*:ec2:*:*:volume/*", "arn:*:ec2:*:*:replace-root-volume-task/*")
_CHECK_BUCKET = (
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
)
_READ_SNAPSHOTS = ("ec2:DescribeReplaceRootVolumeTasks", "ec2:DescribeSnapshots")
_READ_TARGET_GROUPS = (
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
)
_READ_COMMANDS = (
    "ssm:DescribeInstanceInformation",
    "ssm:GetCommandInvocation",
    "ssm:ListCommandInvocations",
    "ssm:ListCommands",
)
_WRITE_DOCUMENTS = ("ssm:CreateDocument", "ssm:UpdateDocument", "ssm:UpdateDocumentDefaultVersion")


def adapter_methods() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public method of every adapter, as ("Ec2Adapter.create_tags", function)."""
    for path in ADAPTERS:
        module, _, name = path.rpartition(".")
        adapter = getattr(importlib.import_module(module), name)
        for method, function in vars(adapter).items():
            if callable(function) and not method.startswith("_"):
                yield f"{name}.{method}", function


def actions() -> tuple[str, ...]:
    """All IAM actions that the portal uses, sorted; entering the accounts is the session's own need."""
    declared = {action for _, method in adapter_methods() for action in getattr(method, "iam_actions", ())}
    return tuple(sorted(declared | {"sts:AssumeRole"}))


def policy(names: Names | None = None) -> dict[str, Any]:
    """Two IAM policy documents: the role in each managed account, and the portal's own role.

    Raises ValueError when an adapter declares an action that no grant covers, or a grant nobody uses.
    """
    rows = grants(names or Names())
    granted = {action for row in rows for action in row.actions}
    if uneven := granted ^ set(actions()):
        raise ValueError(f"Declared and granted IAM actions differ: {', '.join(sorted(uneven))}")
    return {"managed_account_role": _document(rows, "managed"), "portal_role": _document(rows, "portal")}


def _document(rows: tuple[Grant, ...], role: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [_statement(row) for row in rows if row.role == role]}


def _statement(row: Grant) -> dict[str, Any]:
    said = {"Sid": row.sid, "Effect": "Allow", "Action": list(row.actions), "Resource": list(row.resources)}
    return said | ({"Condition": dict(row.condition)} if row.condition else {})
