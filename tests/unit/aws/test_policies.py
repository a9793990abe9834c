"""The generated policies, evaluated as AWS evaluates them: what each of them lets whom do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws import policies
from aws.iam import Names, policy
from lab.policies import Request, allowed, effects

PORTAL, OTHER, STRANGER = "111122223333", "444455556666", "777788889999"
ROLE = f"arn:aws:iam::{PORTAL}:role/PatchPortalServer"
NAMES = Names(portal_role_arn=ROLE, accounts=(PORTAL, OTHER), external_id="agreed", bucket="b")
INSTANCE = f"arn:aws:ec2:eu-central-1:{OTHER}:instance/i-1"
SNAPSHOT = "arn:aws:ec2:eu-central-1::snapshot/snap-1"
MANAGED = {"aws:ResourceTag/PatchPortal:Managed": "true"}
PLAIN: dict[str, str] = {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": "true"}
ON_HOST = {"ec2:SourceInstanceArn": INSTANCE}
ALL: dict[str, Any] = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def managed(action: str, resource: str, **context: Any) -> bool:
    """Whether the role in an account may."""
    made = Request(f"arn:aws:iam::{OTHER}:role/PatchPortal", OTHER, action, resource, context)
    return allowed(made, [policy(NAMES)["managed_account_role"]])


def s3(action: str, key: str, *, arn: str = ROLE, identity: Any = ALL, **context: str) -> bool:
    account = arn.split(":")[4]
    resource = f"arn:aws:s3:::b/{key}" if key else "arn:aws:s3:::b"
    made = Request(arn, account, action, resource, PLAIN | context)
    return allowed(made, [identity], policies.bucket_policy(NAMES), owner=PORTAL)


@pytest.mark.parametrize("action", ["ec2:CreateTags", "ec2:DeleteTags"])
@pytest.mark.parametrize(
    ("keys", "may"),
    [
        (["PatchWindow"], True), (["PatchPortal:Wake", "LastPatched"], True), (["Schedule"], True),
        (["Owner"], False), (["PatchWindow", "Owner"], False), (["PatchPortal:Managed"], False),
        (["PatchPortal:Snapshot"], False), (["patchwindow"], False), (None, False),
    ],
)  # fmt: skip
def test_only_the_portals_keys_are_written(action: str, keys: list[str] | None, may: bool) -> None:
    context = {"aws:TagKeys": keys} if keys else {}
    assert managed(action, INSTANCE, **context) == may


@pytest.mark.parametrize(
    "action", ["ec2:StartInstances", "ec2:StopInstances", "ec2:CreateReplaceRootVolumeTask"]
)
def test_power_and_restore_ask_for_a_tag_that_the_portal_cannot_write(action: str) -> None:
    assert managed(action, INSTANCE, **MANAGED)
    assert not managed(action, INSTANCE)
    assert not managed(action, INSTANCE, **dict.fromkeys(MANAGED, "false"))
    assert not managed(action, INSTANCE, **{"aws:ResourceTag/PatchPortal:Wake": "true"})
    assert not managed("ec2:CreateTags", INSTANCE, **{"aws:TagKeys": ["PatchPortal:Managed"]})


def test_a_restore_takes_only_the_portals_own_snapshots() -> None:
    assert managed(
        "ec2:CreateReplaceRootVolumeTask", SNAPSHOT, **{"aws:ResourceTag/PatchPortal:Snapshot": "1"}
    )
    assert not managed("ec2:CreateReplaceRootVolumeTask", SNAPSHOT)
    assert managed("ec2:CreateTags", SNAPSHOT, **{"ec2:CreateAction": "CreateSnapshot"})
    assert not managed("ec2:CreateTags", SNAPSHOT, **{"aws:TagKeys": ["PatchPortal:Snapshot"]})


@pytest.mark.parametrize(
    ("arn", "external_id", "may"),
    [
        (ROLE, "agreed", True), (ROLE, "guessed", False), (ROLE, None, False),
        (f"arn:aws:iam::{PORTAL}:role/Other", "agreed", False), (f"arn:aws:iam::{PORTAL}:user/ada", "agreed", False),
        (f"arn:aws:iam::{STRANGER}:role/PatchPortalServer", "agreed", False),
    ],
)  # fmt: skip
def test_only_the_portals_own_role_enters(arn: str, external_id: str | None, may: bool) -> None:
    context = {"sts:ExternalId": external_id} if external_id else {}
    made = Request(
        arn, arn.split(":")[4], "sts:AssumeRole", f"arn:aws:iam::{OTHER}:role/PatchPortal", context
    )
    assert bool(list(effects(policies.trust_policy(NAMES), made, names_principal=True))) == may


@pytest.mark.parametrize("account", [PORTAL, OTHER])
def test_a_host_adds_output_below_its_own_account_only(account: str) -> None:
    host = {
        "arn": f"arn:aws:iam::{account}:role/Web",
        "identity": policies.instance_profile(NAMES),
        **ON_HOST,
    }
    assert s3("s3:PutObject", f"output/{account}/p/c/i-2/stdout", **host)
    foreign = OTHER if account == PORTAL else PORTAL
    for identity in (host["identity"], ALL):  # whatever else somebody attached to its role
        able = host | {"identity": identity, "s3:if-none-match": "*"}
        assert not s3("s3:PutObject", f"output/{foreign}/x", **able)
        assert not s3("s3:PutObject", "evidence/x", **able)
        assert not s3("s3:GetObject", f"output/{account}/x", **able)
        assert not s3("s3:GetObjectVersion", f"output/{account}/x", **able)
        assert not s3("s3:DeleteObject", f"output/{account}/x", **able)
        assert not s3("s3:ListBucket", "", **able)
        assert not s3("s3:ListBucketVersions", "", **able)


def test_an_account_that_is_not_connected_stores_nothing() -> None:
    assert not s3("s3:PutObject", f"output/{STRANGER}/x", arn=f"arn:aws:iam::{STRANGER}:role/Web")


def test_the_portals_policy_keeps_evidence_once_and_no_more() -> None:
    own = policy(NAMES)["portal_role"]
    assert s3("s3:PutObject", "evidence/x", identity=own, **{"s3:if-none-match": "*"})
    assert not s3("s3:PutObject", "evidence/x", identity=own)
    assert not s3("s3:PutObject", f"output/{PORTAL}/x", identity=own)
    assert not s3("s3:DeleteObject", "evidence/x")
    assert not s3("s3:DeleteObjectVersion", "evidence/x")
    assert s3("s3:GetObject", "output/1/x", identity=own)


def test_plain_transport_is_refused() -> None:
    assert not s3("s3:GetObject", "x", **{"aws:SecureTransport": "false"})


def test_the_bucket_policy_fits_for_hundreds_of_accounts() -> None:
    """AWS takes 20 KB."""
    many = Names(portal_role_arn=ROLE, accounts=tuple(f"{number:012}" for number in range(350)))
    assert len(json.dumps(policies.bucket_policy(many))) < 20_480


def test_no_statement_is_public() -> None:
    """S3's block of public access refuses a policy that allows everybody something."""
    rows = policies.bucket_policy(NAMES)["Statement"]
    assert all(row["Principal"] != "*" for row in rows if row["Effect"] == "Allow")


def test_what_aws_has_no_condition_for_is_said() -> None:
    said = policies.documents()["without_condition"]
    assert "ssm:CancelCommand" in said
    unlimited = {"ssm:CancelCommand"}
    for row in policy(NAMES)["managed_account_role"]["Statement"]:
        if row["Resource"] == ["*"]:
            writes = {
                one for one in row["Action"] if not one.split(":")[1].startswith(("Describe", "List", "Get"))
            }
            assert writes <= unlimited
