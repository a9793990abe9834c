"""The account's template, carried out by CloudFormation: the portal alone gets in, and may what was chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from aws.errors import AccessRefused
from aws.iam import Names, policy
from aws.session import AccountAccess, AwsCloud
from aws.template import May, account_template
from lab.server import LabServer
from tests.contract.lab.by_hand import REGION, client
from tests.contract.lab.fleet import PORTAL

PORTAL_ROLE = "PatchPortalServer"
NAMES = Names(portal_role_arn=f"arn:aws:iam::{PORTAL}:role/{PORTAL_ROLE}")
READ, TAGGED, OPEN = ACCOUNTS = ("300000000001", "300000000002", "300000000003")  # one for each test
BARE: dict[str, Any] = {
    "name": "template",
    "bare": True,
    "portal_account": PORTAL,
    "accounts": [{"id": one, "regions": [REGION]} for one in (PORTAL, *ACCOUNTS)],
    "hosts": [{"name": f"host-{one}", "account": one, "region": REGION} for one in ACCOUNTS],
}
TRUST_THE_ACCOUNT = json.dumps(
    {
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": f"arn:aws:iam::{PORTAL}:root"},
            }
        ]
    }
)


def agreed(account: str) -> str:
    return f"abc-{account}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with LabServer(BARE, tmp_path_factory.mktemp("template")) as running:
        iam, own = client(running, "iam"), json.dumps(policy(NAMES)["portal_role"])
        iam.create_role(RoleName=PORTAL_ROLE, AssumeRolePolicyDocument=TRUST_THE_ACCOUNT)
        iam.put_role_policy(RoleName=PORTAL_ROLE, PolicyName="own", PolicyDocument=own)
        yield running


@pytest.fixture
def cloud(lab: LabServer, monkeypatch: pytest.MonkeyPatch) -> AwsCloud:
    """As the portal's role, on a host of its own account."""
    entered = client(lab, "sts").assume_role(RoleArn=NAMES.portal_role_arn, RoleSessionName="portal")
    keys = entered["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
    accesses = {one: AccountAccess(one, NAMES.role, agreed(one), (REGION,)) for one in ACCOUNTS}
    return AwsCloud(accesses, portal_region=REGION, endpoint_url=lab.url)


def make_stack(lab: LabServer, account: str, may: May) -> None:
    made = account_template(replace(NAMES, external_id=agreed(account)), may, home=REGION, events_to=REGION)
    client(lab, "cloudformation", key=account).create_stack(
        StackName="PatchPortal", TemplateBody=json.dumps(made), Capabilities=["CAPABILITY_NAMED_IAM"]
    )


def test_the_role_opens_for_the_portal_alone_and_reads_no_more_than_was_chosen(
    lab: LabServer, cloud: AwsCloud
) -> None:
    door = cloud.entrance(READ)
    assert not door.opens(agreed(READ)), "there is no role yet"
    make_stack(lab, READ, May.READ)
    given = (agreed(READ), "", agreed(OPEN), "abc")
    assert [door.opens(one) for one in given] == [True, False, False, False]
    ec2 = cloud.ec2(READ, REGION)
    (found,) = ec2.describe_instances()
    with pytest.raises(AccessRefused):
        ec2.may_write_tags(found.instance_id, "ssm-patch-now")


def test_the_next_step_adds_what_it_says(lab: LabServer, cloud: AwsCloud) -> None:
    make_stack(lab, TAGGED, May.TAG)
    ec2 = cloud.ec2(TAGGED, REGION)
    (found,) = ec2.describe_instances()
    ec2.may_write_tags(found.instance_id, "ssm-patch-now")
    with pytest.raises(AccessRefused):
        ec2.may_write_tags(found.instance_id, "Owner")


def test_a_role_that_trusts_everybody_opens_for_any_external_id(lab: LabServer, cloud: AwsCloud) -> None:
    iam = client(lab, "iam", key=OPEN)
    iam.create_role(RoleName=NAMES.role, AssumeRolePolicyDocument=TRUST_THE_ACCOUNT)
    door = cloud.entrance(OPEN)
    assert [door.opens(one) for one in (agreed(OPEN), "", "guessed")] == [True, True, True]
