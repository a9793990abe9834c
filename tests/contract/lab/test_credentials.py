"""Roles, external ids, and keys that AWS no longer takes."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.contract.lab.fleet import OTHER, PORTAL, Aws, code


def refused(call, **request) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return code(caught.value)


def set_state(aws: Aws, account: str, state: str, **more: object) -> None:
    aws.server.control("/lab/credentials", {"account": account, "state": state, **more})


def test_the_role_opens_its_account(aws: Aws) -> None:
    who = aws.client("sts", **aws.assume(OTHER)).get_caller_identity()
    assert who["Account"] == OTHER
    assert who["Arn"] == f"arn:aws:sts::{OTHER}:assumed-role/PatchPortal/test"
    assert aws.client("sts").get_caller_identity()["Account"] == PORTAL


def test_any_other_key_is_the_portals_account(aws: Aws) -> None:
    assert aws.client("sts", key="AKIAEXAMPLEEXAMPLE00").get_caller_identity()["Account"] == PORTAL


@pytest.mark.parametrize(
    ("account", "role", "external_id"),
    [
        (OTHER, "NoSuchRole", "agreed"),
        (OTHER, "PatchPortal", "guessed"),
        ("999988887777", "PatchPortal", "agreed"),
    ],
)
def test_unknown_roles_and_wrong_external_ids(aws: Aws, account: str, role: str, external_id: str) -> None:
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole") as caught:
        aws.assume(account, role, external_id)
    assert code(caught.value) == "AccessDenied"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_only_the_portals_account_is_trusted(aws: Aws) -> None:
    foreign = aws.client("sts", **aws.assume(OTHER))
    arn = f"arn:aws:iam::{OTHER}:role/PatchPortal"
    call = {"RoleArn": arn, "RoleSessionName": "again", "ExternalId": "agreed"}
    assert refused(foreign.assume_role, **call) == "AccessDenied"


def test_an_account_outside_the_scenario_has_no_valid_keys(aws: Aws) -> None:
    stranger = aws.client("sts", key="999988887777")
    assert refused(stranger.get_caller_identity) == "InvalidClientTokenId"


def test_a_session_without_its_token_is_refused(aws: Aws) -> None:
    keys = aws.assume(OTHER)
    assert refused(aws.client("ec2", key=keys["key"]).describe_instances) == "AuthFailure"


def test_revoked_keys_are_refused_on_every_call(aws: Aws) -> None:
    keys = aws.assume(OTHER)
    set_state(aws, OTHER, "revoked")
    assert refused(aws.client("ec2", **keys).describe_instances) == "AuthFailure"
    assert refused(aws.client("ssm", **keys).list_commands) == "UnrecognizedClientException"
    assert refused(aws.client("sts", **keys).get_caller_identity) == "InvalidClientTokenId"
    assert refused(aws.client("s3", **keys).list_buckets) == "InvalidAccessKeyId"
    with pytest.raises(ClientError) as caught:
        aws.assume(OTHER)
    assert code(caught.value) == "AccessDenied"
    assert aws.ec2.describe_instances()["Reservations"]  # the portal's own account goes on


def test_expired_sessions_are_refused_on_every_call(aws: Aws) -> None:
    keys = aws.assume(OTHER)
    set_state(aws, OTHER, "expired")
    assert refused(aws.client("ec2", **keys).describe_instances) == "RequestExpired"
    assert refused(aws.client("ssm", **keys).list_commands) == "ExpiredTokenException"
    assert refused(aws.client("sts", **keys).get_caller_identity) == "ExpiredToken"
    set_state(aws, OTHER, "ok")
    aws.client("ec2", **keys).describe_instances()


def test_renewable_expiry_ends_old_sessions_only(aws: Aws) -> None:
    keys = aws.assume(OTHER)
    set_state(aws, OTHER, "expired", renewable=True)
    assert refused(aws.client("ssm", **keys).list_commands) == "ExpiredTokenException"
    aws.client("ssm", **aws.assume(OTHER)).list_commands()
