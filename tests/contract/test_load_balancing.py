"""Target groups through the product's adapter, against the simulated AWS."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from aws.ports import TargetGroupHealth
from aws.session import AwsCloud
from lab.server import LabServer
from tests.contract.lab.fleet import PORTAL, REGION
from tests.contract.test_cloud import cloud, host, server

__all__ = ["cloud", "server"]


@pytest.fixture
def balancer(server: LabServer, cloud: AwsCloud) -> Any:
    return boto3.client("elbv2", endpoint_url=server.url, region_name=REGION)


def test_stopped_targets_take_no_part_and_unknown_groups_are_left_out(
    server: LabServer, cloud: AwsCloud, balancer: Any
) -> None:
    ec2 = boto3.client("ec2", endpoint_url=server.url, region_name=REGION)
    network = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    made = balancer.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=network)
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    ids = [host(server, name)["instance_id"] for name in ("deb", "asleep")]
    balancer.register_targets(TargetGroupArn=arn, Targets=[{"Id": item} for item in ids])
    seen = cloud.target_groups(PORTAL, REGION).health(["shop", "misspelt"])
    assert seen == {"shop": TargetGroupHealth(healthy=1, total=1)}
