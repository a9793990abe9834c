"""The adapters against stock moto where it is faithful: paging, tags, documents, objects."""

from __future__ import annotations

from datetime import UTC

import boto3
import pytest

from aws.errors import Missing
from aws.session import AwsCloud
from tests.integration.aws.conftest import OTHER_ACCOUNT, REGION

DOCUMENT = """schemaVersion: '2.2'
description: one
mainSteps:
- action: aws:runShellScript
  name: run
  inputs:
    runCommand: ['true']
"""


@pytest.fixture
def fleet(moto_cloud: AwsCloud) -> list[str]:
    keys = boto3.client("sts", region_name=REGION).assume_role(
        RoleArn=f"arn:aws:iam::{OTHER_ACCOUNT}:role/PatchPortal", RoleSessionName="test"
    )["Credentials"]
    ec2 = boto3.client(
        "ec2",
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    image = ec2.register_image(Name="of-the-test", RootDeviceName="/dev/sda1")["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=205, MaxCount=205, InstanceType="t3.micro")
    return [instance["InstanceId"] for instance in made["Instances"]]


def test_instances_are_read_through_the_role(moto_cloud: AwsCloud, fleet: list[str]) -> None:
    found = list(moto_cloud.ec2(OTHER_ACCOUNT, REGION).describe_instances())
    assert {one.instance_id for one in found} == set(fleet)
    assert {(one.account_id, one.region, one.state) for one in found} == {(OTHER_ACCOUNT, REGION, "running")}
    assert all(one.launch_time and one.launch_time.tzinfo is UTC for one in found)


def test_unknown_ids_are_left_out(moto_cloud: AwsCloud, fleet: list[str]) -> None:
    asked = [*fleet, "i-0ffffffffffffffff", "not an id"]
    found = moto_cloud.ec2(OTHER_ACCOUNT, REGION).describe(asked)
    assert sorted(one.instance_id for one in found) == sorted(fleet)
    assert moto_cloud.ec2(OTHER_ACCOUNT, REGION).describe([]) == []


def test_tags_are_set_and_removed_in_one_call_each(moto_cloud: AwsCloud, fleet: list[str]) -> None:
    ec2 = moto_cloud.ec2(OTHER_ACCOUNT, REGION)
    ec2.create_tags(fleet[:3], {"PatchWindow": "nächtlich", "PatchPortal:Wake": "run-1"})
    ec2.delete_tags(fleet[:2], ["PatchPortal:Wake", "never there"])
    tags = [one.tags for one in ec2.describe(fleet[:4])]
    assert tags[0] == {"PatchWindow": "nächtlich"}
    assert tags[2] == {"PatchWindow": "nächtlich", "PatchPortal:Wake": "run-1"}
    assert tags[3] == {}


def test_power(moto_cloud: AwsCloud, fleet: list[str]) -> None:
    ec2 = moto_cloud.ec2(OTHER_ACCOUNT, REGION)
    ec2.stop_instances(fleet[:1])
    assert ec2.describe(fleet[:1])[0].state == "stopped"
    ec2.start_instances(fleet[:1])
    assert ec2.describe(fleet[:1])[0].state == "running"
    with pytest.raises(Missing) as caught:
        ec2.stop_instances(["i-0ffffffffffffffff"])
    assert caught.value.ids == ("i-0ffffffffffffffff",)


def test_document_is_published_once_per_content(moto_cloud: AwsCloud) -> None:
    ssm = moto_cloud.ssm(OTHER_ACCOUNT, REGION)
    two = DOCUMENT.replace("one", "two")
    versions = [
        ssm.publish_document("PatchPortal-T", text) for text in (DOCUMENT, DOCUMENT, two, two, DOCUMENT)
    ]
    assert versions == ["1", "1", "2", "2", "1"]


def test_objects(moto_cloud: AwsCloud) -> None:
    boto3.client("s3", region_name=REGION).create_bucket(
        Bucket="results", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    objects = moto_cloud.objects()
    for key in ("runs/1/b", "runs/1/a", "runs/2/a"):
        objects.put_once("results", key, key.encode())
    assert list(objects.keys("results", "runs/1/", most=10)) == ["runs/1/a", "runs/1/b"]
    assert list(objects.keys("results", "", most=2)) == ["runs/1/a", "runs/1/b"]
    assert objects.get("results", "runs/2/a", last_bytes=100, within_s=20) == b"runs/2/a"
    assert not objects.put_once("results", "runs/2/a", b"another")
    assert objects.get("results", "runs/2/a", last_bytes=100, within_s=20) == b"runs/2/a"
    with pytest.raises(Missing) as no_key:
        objects.get("results", "runs/3", last_bytes=100, within_s=20)
    with pytest.raises(Missing) as no_bucket:
        objects.put_once("nowhere-at-all", "a", b"")
    assert (no_key.value.code, no_bucket.value.code) == ("NoSuchKey", "NoSuchBucket")
