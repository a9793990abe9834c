from __future__ import annotations

import inspect
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import botocore.session
import pytest

import aws
from aws import iam, ports

ROOT = Path(__file__).resolve().parents[3]
METHODS = dict(iam.adapter_methods())
# IAM names the right to list a bucket by the bucket, the API by its objects.
NAMED_OTHERWISE = {
    "s3:ListBucket": "s3:ListObjectsV2",
    "s3:GetBucketPublicAccessBlock": "s3:GetPublicAccessBlock",
}
SERVICES = {"elasticloadbalancing": "elbv2"}  # IAM's name of a service → the SDK's


def test_there_are_adapter_methods_to_walk() -> None:
    assert {"Ec2Adapter.create_tags", "SsmAdapter.send_command", "S3Adapter.put_once"} <= METHODS.keys()


@pytest.mark.parametrize("name", sorted(METHODS))
def test_each_adapter_method_declares_its_actions(name: str) -> None:
    assert getattr(METHODS[name], "iam_actions", ()), f"{name} declares no IAM action"


@pytest.mark.parametrize("action", iam.actions())
def test_action_is_an_operation_of_its_service(action: str) -> None:
    service, operation = NAMED_OTHERWISE.get(action, action).split(":")
    model = botocore.session.get_session().get_service_model(SERVICES.get(service, service))
    assert operation in model.operation_names


@pytest.mark.parametrize(
    ("port", "adapter"),
    [
        (ports.Ec2, "Ec2Adapter"),
        (ports.Ssm, "SsmAdapter"),
        (ports.ObjectStore, "S3Adapter"),
        (ports.BucketSettings, "BucketAdapter"),
        (ports.TargetGroups, "TargetGroupsAdapter"),
        (ports.Identity, "StsAdapter"),
        (ports.Topics, "SnsAdapter"),
    ],
)
def test_adapter_has_the_port_s_shape(port: type, adapter: str) -> None:
    promised = {name: value for name, value in vars(port).items() if inspect.isfunction(value)}
    for name in [name for name in promised if not name.startswith("_")]:
        assert inspect.signature(METHODS[f"{adapter}.{name}"]) == inspect.signature(promised[name])


def test_policy_grants_exactly_what_is_declared() -> None:
    granted = {
        action for doc in iam.policy().values() for row in doc["Statement"] for action in row["Action"]
    }
    assert granted == set(iam.actions())


def test_policy_refuses_an_action_without_a_grant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam, "actions", lambda: ("ec2:RunInstances",))
    with pytest.raises(ValueError, match="ec2:RunInstances"):
        iam.policy()


def test_writes_are_never_granted_on_everything() -> None:
    reading = ("Describe", "List", "Get")
    for document in iam.policy().values():
        for row in document["Statement"]:
            writes = [one for one in row["Action"] if not one.split(":")[1].startswith(reading)]
            # AWS knows no narrower resource for CancelCommand.
            assert not writes or row["Resource"] != ["*"] or writes == ["ssm:CancelCommand"]


def test_statement_ids_are_unique_and_plain() -> None:
    sids = [row["Sid"] for document in iam.policy().values() for row in document["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() for sid in sids)


def test_only_the_portal_s_role_may_enter_accounts() -> None:
    documents = iam.policy(iam.Names(role="Other"))
    assert "sts:AssumeRole" not in json.dumps(documents["managed_account_role"])
    assert "arn:*:iam::*:role/Other" in json.dumps(documents["portal_role"])


def test_stored_policy_is_what_the_command_prints() -> None:
    command = [sys.executable, "-m", "aws.policies"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "iam-policy.json").read_text() == printed


def test_version_told_to_aws_is_the_product_s() -> None:
    product = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert aws.__version__ == product["version"]
