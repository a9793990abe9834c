"""Roles and instance profiles that somebody made by hand, in a scenario where nothing is set up (`bare: true`).

Moto keeps them; here they are read as AWS would judge by them.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from moto.iam.models import AWSManagedPolicy, IAMBackend, Role, iam_backends

from lab import scenario

CORE = "AmazonSSMManagedInstanceCore"
CORE_ARN = f"arn:aws:iam::aws:policy/{CORE}"
# What the agent needs to register and to take commands, of AWS's own policy.
CORE_ACTIONS = [
    "ssm:UpdateInstanceInformation", "ssm:GetDocument", "ssm:DescribeDocument", "ssm:ListInstanceAssociations",
    "ssmmessages:*", "ec2messages:*",
]  # fmt: skip


def prepare(world_scenario: scenario.Scenario) -> None:
    """AWS's own policy that the documentation tells to attach; moto loads none of AWS's."""
    statement = {"Effect": "Allow", "Action": CORE_ACTIONS, "Resource": "*"}
    body = {"Version": "2012-10-17", "Statement": [statement]}
    for account in {*world_scenario.accounts, world_scenario.portal_account}:
        made = AWSManagedPolicy(
            CORE, account_id=account, region="us-east-1", path="/", document=json.dumps(body)
        )
        _backend(account).managed_policies[CORE_ARN] = made


def role(account: str, name: str) -> Role | None:
    return next((found for found in _backend(account).roles.values() if found.name == name), None)


def trust_of(found: Role) -> dict[str, Any]:
    return _document(found.assume_role_policy_document)


def policies_of(found: Role) -> list[dict[str, Any]]:
    """Inline and attached ones."""
    inline = [_document(text) for text in found.policies.values()]
    return inline + [
        _document(version.document)
        for policy in found.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]


def role_of_profile(account: str, profile: str) -> Role | None:
    found = _backend(account).instance_profiles.values()
    return next((one.roles[0] for one in found if one.name == profile and one.roles), None)


def _backend(account: str) -> IAMBackend:
    return iam_backends[account]["aws"]


def _document(text: str | dict[str, Any]) -> dict[str, Any]:
    """The policy as it was put; some of moto's come quoted for a URL, those of CloudFormation already read."""
    if isinstance(text, dict):
        return text
    found: dict[str, Any] = json.loads(text if text.lstrip().startswith("{") else unquote(text))
    return found
