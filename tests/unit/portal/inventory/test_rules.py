"""Why a host cannot be patched, judged without any AWS."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aws.ports import Instance, ManagedNode
from portal.access.rules import Invalid
from portal.inventory.rules import check_account_fields, coverage, platform
from portal.inventory.states import Coverage
from portal.inventory.words import WAYS_OUT

NOW = datetime(2026, 12, 5, tzinfo=UTC)
PROFILE = "arn:aws:iam::111122223333:instance-profile/ssm"


def an_instance(**facts: Any) -> Instance:
    defaults = {"account_id": "111122223333", "region": "eu-central-1", "instance_id": "i-1", "state": "running",
                "platform": "linux", "instance_profile_arn": PROFILE}  # fmt: skip
    return Instance(**(defaults | facts))


def a_node(ping: str = "Online", name: str = "Debian GNU/Linux", kind: str = "Linux") -> ManagedNode:
    return ManagedNode("i-1", ping, "3.3", kind, name, "12")


def reasons(
    instance: Instance, node: ManagedNode | None, *, owner: str = "payments", **known: Any
) -> list[str]:
    return [reason.value for reason in coverage(instance, node, owner=owner, **known)]


def test_nothing_speaks_against_a_host_that_answers() -> None:
    assert reasons(an_instance(), a_node()) == []


@pytest.mark.parametrize(
    ("instance", "node", "known", "expected"),
    [
        ({"instance_profile_arn": ""}, None, {}, ["no_instance_profile", "no_agent"]),
        ({}, None, {}, ["no_agent"]),
        ({}, None, {"seen_by_ssm": True}, ["offline"]),
        ({}, "ConnectionLost", {}, ["offline"]),
        ({}, "Inactive", {}, ["offline"]),
        ({}, "Online", {"results_denied_at": NOW}, ["results_denied"]),
        ({}, "Online", {"owner": ""}, ["no_owner"]),
        ({"instance_profile_arn": ""}, None, {"owner": ""}, ["no_instance_profile", "no_agent", "no_owner"]),
    ],
)
def test_every_reason_is_told_the_most_hindering_first(
    instance: dict[str, Any], node: str | None, known: dict[str, Any], expected: list[str]
) -> None:
    assert reasons(an_instance(**instance), a_node(node) if node else None, **known) == expected


@pytest.mark.parametrize("state", ["stopped", "stopping", "pending"])
@pytest.mark.parametrize("seen", [True, False])
def test_a_host_that_does_not_run_is_not_blamed_for_a_silent_agent(state: str, seen: bool) -> None:
    assert reasons(an_instance(state=state), None, seen_by_ssm=seen) == []


def test_a_host_that_answers_needs_no_profile() -> None:
    """Systems Manager's default host configuration manages instances without one."""
    bare = an_instance(instance_profile_arn="")
    assert reasons(bare, a_node()) == []
    assert "no_instance_profile" in reasons(bare, a_node("ConnectionLost"))


@pytest.mark.parametrize(
    ("kind", "name", "known"),
    [
        ("Linux", "Ubuntu", True), ("Linux", "Amazon Linux", True), ("Linux", "Red Hat Enterprise Linux", True),
        ("Linux", "SLES", True), ("Linux", "Rocky Linux", True), ("Linux", "Gentoo", False),
        ("Linux", "Arch Linux", False), ("MacOS", "macOS", False), ("Linux", "", True),
        ("Windows", "Microsoft Windows Server 2022 Datacenter", True),
    ],
)  # fmt: skip
def test_only_a_system_with_a_document_is_known(kind: str, name: str, known: bool) -> None:
    found = reasons(an_instance(), a_node(name=name, kind=kind))
    assert found == ([] if known else ["unknown_platform"])


@pytest.mark.parametrize(
    ("by_ec2", "by_agent", "before", "is_a"),
    [
        ("linux", "Windows", "", "windows"),  # brought along or imported: EC2 does not know it
        ("windows", "Linux", "", "linux"),
        (
            "linux",
            None,
            "Microsoft Windows Server 2022 Datacenter",
            "windows",
        ),  # stopped: what it said before
        ("linux", None, "Debian GNU/Linux", "linux"),
        ("windows", None, "", "windows"),
        ("linux", "", "", "linux"),  # an agent that does not tell it yet
    ],
)
def test_the_agent_knows_best_what_runs(by_ec2: str, by_agent: str | None, before: str, is_a: str) -> None:
    node = None if by_agent is None else a_node(kind=by_agent)
    assert platform(an_instance(platform=by_ec2), node, before) == is_a


def test_each_reason_has_a_way_out() -> None:
    assert set(WAYS_OUT) == set(Coverage)


GOOD = {
    "account_id": "111122223333",
    "role_name": "PatchPortal",
    "regions": ["eu-central-1", "us-gov-west-1", "eusc-de-east-1", "cn-northwest-1", "us-isob-east-1"],
}


def test_a_good_account_passes() -> None:
    check_account_fields(**GOOD)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_id", "11112222333"), ("account_id", "1111222233334"), ("account_id", "１１１１２２２２３３３３"),
        ("account_id", "11112222333\n"), ("role_name", ""), ("role_name", "a/b"), ("role_name", "x" * 65),
        ("role_name", "Rôle"), ("regions", []), ("regions", ["mars"]), ("regions", ["eu-central-1\n"]),
        ("regions", ["eu-central-9"]), ("regions", ["eusc-de-east-2"]),
    ],
)  # fmt: skip
def test_what_aws_could_never_accept_is_refused_at_its_field(field: str, value: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        check_account_fields(**(GOOD | {field: value}))
    assert refusal.value.field == field
