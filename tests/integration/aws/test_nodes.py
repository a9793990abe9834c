"""Managed nodes asked for by their ids: a call for fifty of them, however many the account has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws.ssm import SsmAdapter
from tests.integration.aws.conftest import OTHER_ACCOUNT, REGION, ScriptedAws, make_cloud, ssm_error

FLEET = [f"i-{number:017x}" for number in range(300)]


@pytest.fixture
def ssm(scripted: ScriptedAws) -> SsmAdapter:
    return make_cloud(scripted.url).ssm(OTHER_ACCOUNT, REGION)


def wanted(request: Any) -> list[str]:
    return next((one["Values"] for one in request.fields.get("Filters", ())), [])


def answer(request: Any) -> tuple[int, str]:
    """Of those asked for, the ones that are registered; without a filter every node on one page."""
    shown = [item for item in FLEET if item in wanted(request) or not wanted(request)]
    rows = [{"InstanceId": item, "PingStatus": "Online"} for item in shown]
    return 200, json.dumps({"InstanceInformationList": rows})


def test_some_of_many_are_asked_for_by_their_ids(scripted: ScriptedAws, ssm: SsmAdapter) -> None:
    scripted.answers["DescribeInstanceInformation"] = answer
    ids = [*FLEET[:119], "i-0not0registered0"]
    assert [node.instance_id for node in ssm.managed_nodes(ids)] == FLEET[:119]
    assert [len(wanted(request)) for request in scripted.requests if "Filters" in request.fields] == [
        50,
        50,
        20,
    ]
    assert scripted.count("DescribeInstanceInformation") == 3


def test_asking_for_nobody_asks_nothing(scripted: ScriptedAws, ssm: SsmAdapter) -> None:
    assert list(ssm.managed_nodes([])) == []
    assert scripted.count("DescribeInstanceInformation") == 0


def test_an_id_that_aws_calls_an_error_hides_nobody_else(scripted: ScriptedAws, ssm: SsmAdapter) -> None:
    def strict(request: Any) -> tuple[int, str]:
        unknown = set(wanted(request)) - set(FLEET)
        return (400, ssm_error("InvalidInstanceId", "Not a node.")) if unknown else answer(request)

    scripted.answers["DescribeInstanceInformation"] = strict
    assert [node.instance_id for node in ssm.managed_nodes([FLEET[7], "i-0not0registered0"])] == [FLEET[7]]
