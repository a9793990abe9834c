"""Rights that are taken away, dry runs, and buckets of somebody else: refused as AWS refuses them."""

from __future__ import annotations

from typing import Any

import pytest

from aws.errors import AccessRefused, Missing, Refused
from aws.policies import main
from aws.session import AccountAccess, AwsCloud
from lab.server import LabServer
from tests.contract.lab.by_hand import REGION, client, refused
from tests.contract.lab.fleet import OTHER, PORTAL, Aws


def test_a_bucket_of_another_account_is_refused_by_its_owner(
    aws: Aws, server: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is free in the world, and somebody else has it: neither report nor setting goes there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    theirs = client(server, "s3", key=OTHER)
    theirs.create_bucket(Bucket="taken", CreateBucketConfiguration={"LocationConstraint": REGION})
    cloud = AwsCloud({}, portal_region=REGION, endpoint_url=server.url)
    for ask in (
        lambda: cloud.objects().put_once("taken", "evidence/x", b"x"),
        lambda: list(cloud.objects().keys("taken", "", most=1)),
        lambda: cloud.bucket("taken").versioning(),
    ):
        with pytest.raises(AccessRefused, match="Access Denied"):
            ask()
    with pytest.raises(Missing, match="NoSuchBucket"):
        cloud.objects().put_once("nowhere-at-all", "evidence/x", b"x")
    assert cloud.objects().put_once("patch-portal-results", "evidence/x", b"x")
    assert theirs.list_objects_v2(Bucket="taken")["KeyCount"] == 0


@pytest.mark.parametrize(
    ("service", "operation", "action", "code"),
    [
        ("ec2", "describe_instances", "ec2:DescribeInstances", "UnauthorizedOperation"),
        ("ssm", "list_commands", "ssm:ListCommands", "AccessDeniedException"),
        ("s3", "list_objects_v2", "s3:ListBucket", "AccessDenied"),
    ],
)
def test_a_right_that_is_taken_away_is_refused_in_the_services_words(
    aws: Aws, server: LabServer, service: str, operation: str, action: str, code: str
) -> None:
    asked = {"Bucket": "patch-portal-results"} if service == "s3" else {}
    call = getattr(client(server, service), operation)
    assert refused(call, **asked) == ""
    server.control("/lab/deny", {"account": PORTAL, "actions": [action]})
    assert refused(call, **asked) == code
    server.control("/lab/deny", {"account": PORTAL, "actions": []})
    assert refused(call, **asked) == ""


def test_a_dry_run_of_tags_is_judged_and_changes_nothing(
    aws: Aws, server: LabServer, monkeypatch: Any
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    role = server.scenario.accounts[PORTAL]
    access = AccountAccess(PORTAL, role.role_name, role.external_id)
    cloud = AwsCloud({PORTAL: access}, portal_region=REGION, endpoint_url=server.url)
    instance = aws.id("web-01")
    cloud.ec2(PORTAL, REGION).may_write_tags(instance, "ssm-patch-now")
    (seen,) = cloud.ec2(PORTAL, REGION).describe([instance])
    assert "ssm-patch-now" not in seen.tags
    with pytest.raises(Refused, match="UnauthorizedOperation"):
        cloud.ec2(PORTAL, REGION).may_write_tags(instance, "Owner")


def test_one_policy_is_printed_ready_to_paste() -> None:
    words = [
        "results_bucket_policy",
        "--bucket",
        "ours",
        "--account",
        OTHER,
        "--portal-role-arn",
        "arn:aws:iam::1:role/p",
    ]
    assert OTHER in main(words)
    assert "patch-portal-results" not in main(words)
    trust = main(["managed_account_role_trust", "--external-id", ""])
    assert "ExternalId" not in trust
