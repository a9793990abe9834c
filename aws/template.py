"""The CloudFormation template of one account: the portal's role, what servers store with, and events on the way.

Made of the same grants as docs/iam-policy.json: its role can do what the adapters declare, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from aws.iam import Names, grants, policy
from aws.policies import VERSION, instance_profile, trust_policy

SERVERS_POLICY, EVENTS_ROLE = "PatchPortalServers", "PatchPortalEvents"
EVENT_PATTERN = {
    "source": ["aws.ssm"],
    "detail-type": [
        "EC2 Command Invocation Status-change Notification",
        "EC2 Command Status-change Notification",
    ],
}


class May(StrEnum):
    """What an account lets the portal do; each holds all that stand before it."""

    READ = "read"
    TAG = "tag"
    PATCH = "patch"
    POWER = "power"
    SNAPSHOTS = "snapshots"


# The statements that each step adds, by their ids in the role's policy.
ADDS: Mapping[May, tuple[str, ...]] = {
    May.READ: (
        "ReadInstances", "ReadCommands", "ReadPortalDocuments", "ReadAlarms", "ReadTargetGroups", "ReadOwnIdentity",
    ),
    May.TAG: ("WriteInstanceTags",),
    May.PATCH: ("SendPortalDocuments", "CancelCommands", "WritePortalDocuments"),
    May.POWER: ("PowerInstances",),
    May.SNAPSHOTS: (
        "ReadSnapshots", "TakeSnapshots", "TagNewSnapshots", "DeleteOwnSnapshots", "RestoreManagedInstances",
        "RestoreFromOwnSnapshots", "RestoreOntoNewVolumes",
    ),
}  # fmt: skip


def statements(names: Names, may: May) -> list[dict[str, Any]]:
    """Those of the role's policy up to this step. Raises ValueError when a grant belongs to no step."""
    steps = {sid: step for step, sids in ADDS.items() for sid in sids}
    managed = {row.sid for row in grants(names) if row.role == "managed"}
    if uneven := managed ^ steps.keys():
        raise ValueError(f"Grants and steps differ: {', '.join(sorted(uneven))}")
    order = list(May)
    rows = policy(names)["managed_account_role"]["Statement"]
    return [row for row in rows if order.index(steps[row["Sid"]]) <= order.index(may)]


def account_template(names: Names, may: May, *, home: str, events_to: str = "") -> dict[str, Any]:
    """As CloudFormation takes it. Roles are made by the stack in the region `home` alone: IAM has no regions.

    `events_to` is the region of the portal's event bus: a rule in each region sends status changes there.
    """
    at_home = {"Condition": "Home"}
    resources = {
        "PortalRole": at_home | _role(names.role, trust_policy(names), statements(names, may)),
        "ServersPolicy": at_home | _servers_policy(names),
    }
    if events_to:
        bus = f"arn:{names.partition}:events:{events_to}:{names.portal_account}:event-bus/default"
        resources |= {"EventsRole": at_home | _events_role(bus), "EventsRule": _events_rule(bus)}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Patch Portal: the role {names.role}, which may {', '.join(_up_to(may))}.",
        "Conditions": {"Home": {"Fn::Equals": [{"Ref": "AWS::Region"}, home]}},
        "Resources": resources,
        "Outputs": {
            "RoleArn": at_home | {"Value": {"Fn::GetAtt": ["PortalRole", "Arn"]}},
            "ServersPolicyArn": at_home | {"Value": {"Ref": "ServersPolicy"}},
        },
    }


def _up_to(may: May) -> list[str]:
    order = list(May)
    return [step.value for step in order[: order.index(may) + 1]]


def _role(name: str, trust: dict[str, Any], allowed: list[dict[str, Any]]) -> dict[str, Any]:
    document = {"Version": VERSION, "Statement": allowed}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            "AssumeRolePolicyDocument": trust,
            "Policies": [{"PolicyName": name, "PolicyDocument": document}],
        },
    }


def _servers_policy(names: Names) -> dict[str, Any]:
    """Whoever makes servers attaches it to their roles, beside AmazonSSMManagedInstanceCore."""
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"ManagedPolicyName": SERVERS_POLICY, "PolicyDocument": instance_profile(names)},
    }


def _events_role(bus: str) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    send = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
    return _role(EVENTS_ROLE, {"Version": VERSION, "Statement": [trust]}, [send])


def _events_rule(bus: str) -> dict[str, Any]:
    role = {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{EVENTS_ROLE}"}
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Description": "Status changes of commands, as hints for Patch Portal",
            "EventPattern": EVENT_PATTERN,
            "Targets": [{"Id": "PatchPortal", "Arn": bus, "RoleArn": role}],
        },
    }
