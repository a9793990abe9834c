"""The loop that people write: a tag, a status and an untag call per host, and one command by tag. Really run."""

from __future__ import annotations

import time
from typing import Any

import boto3

from tests.benchmarks.lab_process import REGION, Lab

TAG, DOCUMENT = "ssm-patch-now", "AWS-InstallWindowsUpdates"
OVER = {"Success", "Failed", "TimedOut", "Cancelled"}


def patch(lab: Lab, account: str) -> None:
    """Patches every host of the lab, one after the other, without any pre-check."""
    secrets = {"aws_access_key_id": account, "aws_secret_access_key": "not-a-secret"}
    session = boto3.Session(region_name=REGION, **secrets)
    ec2, ssm = (session.client(name, endpoint_url=lab.url) for name in ("ec2", "ssm"))
    pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 1000})
    ids = [
        one["InstanceId"] for page in pages for group in page["Reservations"] for one in group["Instances"]
    ]
    for item in ids:
        ec2.create_tags(Resources=[item], Tags=[{"Key": TAG, "Value": "yes"}])
    targets = [{"Key": f"tag:{TAG}", "Values": ["yes"]}]
    sent = ssm.send_command(
        Targets=targets, DocumentName=DOCUMENT, MaxConcurrency="100%", Parameters={"Action": ["Install"]}
    )
    for item in ids:
        wait(ssm, sent["Command"]["CommandId"], item)
    for item in ids:
        ec2.delete_tags(Resources=[item], Tags=[{"Key": TAG}])
        ec2.create_tags(Resources=[item], Tags=[{"Key": "LastPatched", "Value": "today"}])


def wait(ssm: Any, command_id: str, instance_id: str) -> None:
    while ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)["Status"] not in OVER:
        time.sleep(5)
