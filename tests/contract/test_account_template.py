"""The account's template, carried out by CloudFormation: the portal alone gets in, and may what was chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from aws.errors import AccessRefused
from aws.iam import Names, policy
from aws.session import AccountAccess, AwsCloud
from aws.template import May, account_template
from lab.server import LabServer
from tests.contract.lab.by_hand import REGION, client
from tests.contract.lab.fleet import OTHER, PORTAL

PORTAL_ROLE = "PatchPortalServer"
AGREED = f"abc-{OTHER}"
NAMES = Names(
    portal_role_arn=f"arn:aws:iam::{PORTAL}:role/{PORTAL_ROLE}", external_id=AGREED, accounts=(OTHER,)
)
BARE: dict[str, Any] = {
    "name": "template",
    "bare": True,
    "portal_account": PORTAL,
    "accounts": [{"id": PORTAL, "regions": [REGION]}, {"id": OTHER, "regions": [REGION]}],
    "hosts": [{"name": "first", "account": OTHER, "region": REGION}],
}
TRUST_THE_ACCOUNT = {
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Principal": {"AWS": f"arn:aws:iam::{PORTAL}:root"},
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with LabServer(BARE, tmp_path_factory.mktemp("template")) as running:
        iam = client(running, "iam")
        iam.create_role(
            RoleName=PORTAL_ROLE, AssumeRolePolicyDocument=json.dumps({"Statement": [TRUST_THE_ACCOUNT]})
        )
        own = json.dumps(policy(NAMES)["portal_role"])
        iam.put_role_policy(RoleName=PORTAL_ROLE, PolicyName="own", PolicyDocument=own)
        yield running


@pytest.fixture
def cloud(lab: LabServer, monkeypatch: pytest.MonkeyPatch) -> AwsCloud:
    """As the portal's role, on a host of its own account."""
    sts = client(lab, "sts")
    keys = sts.assume_role(RoleArn=NAMES.portal_role_arn, RoleSessionName="portal")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])
    access = AccountAccess(OTHER, NAMES.role, AGREED, (REGION,))
    return AwsCloud({OTHER: access}, portal_region=REGION, endpoint_url=lab.url)


@pytest.fixture
def stack(lab: LabServer) -> Iterator[Any]:
    formation = client(lab, "cloudformation", key=OTHER)

    def made(may: May) -> None:
        body = json.dumps(account_template(NAMES, may, home=REGION, events_to=REGION))
        formation.create_stack(
            StackName="PatchPortal", TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"]
        )

    yield made
    formation.delete_stack(StackName="PatchPortal")


def test_the_role_opens_for_the_portal_alone(lab: LabServer, cloud: AwsCloud, stack: Any) -> None:
    door = cloud.entrance(OTHER)
    assert not door.opens(AGREED), "there is no role yet"
    stack(May.READ)
    assert [door.opens(one) for one in (AGREED, "", f"abc-{PORTAL}", "abc")] == [True, False, False, False]


def test_it_may_what_was_chosen_and_no_more(lab: LabServer, cloud: AwsCloud, stack: Any) -> None:
    stack(May.READ)
    ec2 = cloud.ec2(OTHER, REGION)
    (found,) = ec2.describe_instances()
    with pytest.raises(AccessRefused):
        ec2.may_write_tags(found.instance_id, "ssm-patch-now")


def test_the_next_step_adds_what_it_says(lab: LabServer, cloud: AwsCloud, stack: Any) -> None:
    stack(May.TAG)
    ec2 = cloud.ec2(OTHER, REGION)
    (found,) = ec2.describe_instances()
    ec2.may_write_tags(found.instance_id, "ssm-patch-now")
    with pytest.raises(AccessRefused):
        ec2.may_write_tags(found.instance_id, "Owner")


def test_a_role_that_trusts_everybody_opens_for_any_external_id(lab: LabServer, cloud: AwsCloud) -> None:
    iam = client(lab, "iam", key=OTHER)
    iam.create_role(
        RoleName=NAMES.role, AssumeRolePolicyDocument=json.dumps({"Statement": [TRUST_THE_ACCOUNT]})
    )
    door = cloud.entrance(OTHER)
    assert [door.opens(one) for one in (AGREED, "", "guessed")] == [True, True, True]
    iam.delete_role(RoleName=NAMES.role)
