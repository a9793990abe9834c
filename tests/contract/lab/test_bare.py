"""An AWS in which nothing is set up: roles, profiles and policies count as somebody made them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from aws.policies import documents
from lab.server import LabServer
from tests.contract.lab.by_hand import REGION, client, refused
from tests.contract.lab.fleet import OTHER, PORTAL

BARE: dict[str, Any] = {
    "name": "bare",
    "bare": True,
    "accounts": [{"id": PORTAL, "regions": [REGION]}, {"id": OTHER, "regions": [REGION]}],
    "hosts": [{"name": "first", "account": PORTAL, "region": REGION, "instance_profile": False}],
}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with LabServer(BARE, tmp_path_factory.mktemp("bare")) as running:
        yield running


def a_role(server: LabServer, name: str, policy: dict[str, Any] | None) -> dict[str, str]:
    """Made by the account's administrator, and entered by them."""
    iam, trust = client(server, "iam"), {"Effect": "Allow", "Action": "sts:AssumeRole"}
    trust |= {"Principal": {"AWS": f"arn:aws:iam::{PORTAL}:root"}}  # type: ignore[dict-item]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
    if policy:
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    role = f"arn:aws:iam::{PORTAL}:role/{name}"
    keys = client(server, "sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "key": keys["AccessKeyId"],
        "secret": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }


def test_keys_of_a_role_that_nobody_made_are_nobodys(bare: LabServer) -> None:
    assert refused(client(bare, "sts", key="AKIAPORTAL").get_caller_identity) == "InvalidClientTokenId"
    assert refused(client(bare, "s3").list_objects_v2, Bucket="patch-portal-results") == "NoSuchBucket"


def test_a_role_may_what_its_policies_say(bare: LabServer) -> None:
    nothing, reader = (
        a_role(bare, "nothing", None),
        a_role(bare, "reader", documents()["managed_account_role"]),
    )
    ask = {"Key": "a", "Value": "b"}
    assert refused(client(bare, "ec2", **nothing).describe_instances) == "UnauthorizedOperation"
    assert refused(client(bare, "ssm", **nothing).list_commands) == "AccessDeniedException"
    (found,) = client(bare, "ec2", **reader).describe_instances()["Reservations"]
    ids = [found["Instances"][0]["InstanceId"]]
    assert (
        refused(client(bare, "ec2", **reader).create_tags, Resources=ids, Tags=[ask])
        == "UnauthorizedOperation"
    )
    ours = {"Key": "ssm-patch-now", "Value": "1"}
    dry = {"Resources": ids, "DryRun": True}
    assert refused(client(bare, "ec2", **reader).create_tags, Tags=[ours], **dry) == "DryRunOperation"
    assert refused(client(bare, "ec2", **reader).create_tags, Tags=[ask], **dry) == "UnauthorizedOperation"
    tags = client(bare, "ec2").describe_instances()["Reservations"][0]["Instances"][0].get("Tags", [])
    assert "ssm-patch-now" not in {tag["Key"] for tag in tags}, "a dry run changes nothing"


def test_a_profile_registers_the_agent_only_with_the_right_to(bare: LabServer) -> None:
    iam, ec2 = client(bare, "iam"), client(bare, "ec2")
    (found,) = ec2.describe_instances()["Reservations"]
    instance = found["Instances"][0]["InstanceId"]
    with_profile = {"InstanceId": instance, "IamInstanceProfile": {"Name": "hosts"}}
    assert refused(ec2.associate_iam_instance_profile, **with_profile) == "InvalidParameterValue"
    a_role(bare, "hosts", None)
    iam.create_instance_profile(InstanceProfileName="hosts")
    iam.add_role_to_instance_profile(InstanceProfileName="hosts", RoleName="hosts")
    ec2.associate_iam_instance_profile(**with_profile)
    assert client(bare, "ssm").describe_instance_information()["InstanceInformationList"] == []
    assert refused(ec2.associate_iam_instance_profile, **with_profile) == "IncorrectState"
