"""What hosts, the portal and the role in an account may do: as AWS would judge docs/iam-policy.json, and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.lab.fleet import OTHER, OUT, PORTAL, Aws, code

BUCKET = "patch-portal-results"
THEIRS = f"output/{OTHER}"


def put(s3: Any, key: str, body: bytes = b"x", **more: Any) -> str:
    """AWS's error code, or an empty text."""
    return said(s3.put_object, Key=key, Body=body, **more)


def said(call: Any, **request: Any) -> str:
    try:
        call(Bucket=BUCKET, **request)
    except ClientError as error:
        return code(error)
    return ""


def host(aws: Aws, name: str) -> Any:
    """S3 with the credentials of a host's instance profile."""
    return aws.client("s3", key=aws.id(name))


@pytest.fixture
def portal(aws: Aws) -> Any:
    """S3 as the portal's own role, with the policy that is generated for it and nothing else."""
    return aws.client("s3", key="AKIAPORTAL")


def test_a_host_adds_to_its_accounts_folder_whichever_account_owns_the_bucket(aws: Aws) -> None:
    assert put(host(aws, "web-01"), f"{OUT}/p/c/{aws.id('web-01')}/stdout") == ""
    assert put(host(aws, "other"), f"{THEIRS}/p/c/{aws.id('other')}/stdout") == ""


def test_aws_cannot_keep_a_host_from_its_neighbours_output(aws: Aws, portal: Any) -> None:
    key = f"{OUT}/p/c/{aws.id('web-02')}/stdout"
    assert put(host(aws, "web-02"), key, b"true") == ""
    assert put(host(aws, "web-01"), key, b"forged") == ""
    assert portal.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"forged"


@pytest.mark.parametrize("name", ["web-01", "other"])
@pytest.mark.parametrize(
    "key",
    [
        "evidence/{account}/x",
        "reports/x",
        "x",
        "output/x",
        "output/{foreign}/x",
        "output/{account}x/y",
        "output//x",
    ],
)
def test_a_host_writes_nowhere_else(aws: Aws, name: str, key: str) -> None:
    account, foreign = (PORTAL, OTHER) if name == "web-01" else (OTHER, PORTAL)
    place = key.format(account=account, foreign=foreign)
    assert put(host(aws, name), place, IfNoneMatch="*") == "AccessDenied"


@pytest.mark.parametrize("name", ["web-01", "other"])
def test_a_host_lists_reads_and_deletes_nothing(aws: Aws, name: str) -> None:
    folder = OUT if name == "web-01" else THEIRS
    key, s3 = f"{folder}/p/own/stdout", host(aws, name)
    assert put(s3, key) == ""
    assert said(s3.list_objects_v2) == "AccessDenied"
    assert said(s3.list_objects_v2, Prefix=f"{folder}/p/") == "AccessDenied"
    assert said(s3.get_object, Key=key) == "AccessDenied"
    assert said(s3.delete_object, Key=key) == "AccessDenied"
    assert said(s3.get_bucket_policy) == "AccessDenied"
    assert said(s3.delete_bucket_policy) == "AccessDenied"


def test_a_host_with_every_right_of_its_role_is_still_held_by_the_bucket(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody attached s3:* to the instance profile in the portal's own account."""
    from lab import permissions

    monkeypatch.setattr(permissions, "instance_profile", lambda _: permissions.EVERYTHING)
    s3 = host(aws, "web-01")
    assert put(s3, f"{OUT}/p/c/i/stdout") == ""
    for key in ("evidence/x", f"{THEIRS}/x", "x"):
        assert put(s3, key, IfNoneMatch="*") == "AccessDenied"
    assert said(s3.get_object, Key=f"{OUT}/p/c/i/stdout") == "AccessDenied"
    assert said(s3.list_objects_v2) == "AccessDenied"


def test_a_host_without_an_instance_profile_has_no_credentials(aws: Aws) -> None:
    assert put(aws.client("s3", key=aws.id("bare")), f"{OUT}/x") == "InvalidAccessKeyId"


def test_an_agent_uploads_only_where_its_host_may(aws: Aws, portal: Any) -> None:
    places = {"web-01": OUT, "web-02": THEIRS, "web-03": "evidence/x", "web-04": ""}
    for name, place in places.items():
        command = aws.send(aws.ids(name), "echo hi", OutputS3BucketName=BUCKET, OutputS3KeyPrefix=place)
        assert aws.ended(command)[aws.id(name)]["Status"] == "Success"
        found = portal.list_objects_v2(Bucket=BUCKET, Prefix=f"{place}/{command}/" if place else command)
        assert found["KeyCount"] == (name == "web-01"), name


def test_the_portal_keeps_evidence_once_and_nobody_deletes_it(aws: Aws, portal: Any) -> None:
    assert put(portal, "evidence/1/a") == "AccessDenied"  # it could write over an older one
    assert put(portal, "evidence/1/a", b"first", IfNoneMatch="*") == ""
    assert put(portal, "evidence/1/a", b"second", IfNoneMatch="*") == "PreconditionFailed"
    assert portal.get_object(Bucket=BUCKET, Key="evidence/1/a")["Body"].read() == b"first"
    for key in ("AKIAPORTAL", PORTAL):  # the latter with every right of its account
        assert said(aws.client("s3", key=key).delete_object, Key="evidence/1/a") == "AccessDenied"
    assert put(portal, f"{OUT}/x", IfNoneMatch="*") == "AccessDenied"


def test_the_bucket_is_as_documented_and_what_is_changed_counts(aws: Aws, portal: Any) -> None:
    policy = json.loads(portal.get_bucket_policy(Bucket=BUCKET)["Policy"])
    rules = portal.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    switches = portal.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert list(switches.values()) == [True] * 4
    assert portal.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    weaker = {
        **policy,
        "Statement": [row for row in policy["Statement"] if row["Sid"] != "LetHostsStoreOutput"],
    }
    aws.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(weaker))
    try:
        assert put(host(aws, "other"), f"{THEIRS}/x") == "AccessDenied"
    finally:
        aws.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    assert put(host(aws, "other"), f"{THEIRS}/x") == ""


def test_a_host_cannot_enter_the_role(aws: Aws) -> None:
    """Not even one in the portal's own account that knows the external id."""
    sts = aws.client("sts", key=aws.id("web-01"))
    arn = f"arn:aws:iam::{OTHER}:role/PatchPortal"
    with pytest.raises(ClientError) as caught:
        sts.assume_role(RoleArn=arn, RoleSessionName="x", ExternalId="agreed")
    assert code(caught.value) == "AccessDenied"


def test_the_role_writes_only_the_portals_tags(aws: Aws) -> None:
    ec2, ids = aws.client("ec2", **aws.assume(PORTAL)), aws.ids("web-01")
    ec2.create_tags(Resources=ids, Tags=[{"Key": "PatchWindow", "Value": "x"}])
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "PatchWindow"}])
    for keys in (["Owner"], ["PatchWindow", "Owner"], ["PatchPortal:Managed"], ["patchwindow"]):
        tags = [{"Key": key, "Value": "true"} for key in keys]
        for call in (ec2.create_tags, ec2.delete_tags):
            with pytest.raises(ClientError) as caught:
                call(Resources=ids, Tags=tags)
            assert code(caught.value) == "UnauthorizedOperation", keys
    with pytest.raises(ClientError) as caught:  # no key at all: every tag would go
        ec2.delete_tags(Resources=ids)
    assert code(caught.value) == "UnauthorizedOperation"


def test_the_role_switches_only_what_its_owner_gave_over(aws: Aws) -> None:
    ec2, asleep = aws.client("ec2", **aws.assume(PORTAL)), aws.ids("asleep-01", "asleep-02")
    aws.ec2.create_tags(Resources=asleep[:1], Tags=[{"Key": "PatchPortal:Managed", "Value": "true"}])
    with pytest.raises(ClientError) as caught:
        ec2.start_instances(InstanceIds=asleep)
    assert code(caught.value) == "UnauthorizedOperation"
    assert [aws.state(name) for name in ("asleep-01", "asleep-02")] == ["stopped"] * 2
    ec2.start_instances(InstanceIds=asleep[:1])
    assert aws.state("asleep-01") != "stopped"
