"""Boundaries: a call stops before or after it is carried out, and goes on or breaks when the control API says so."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import HTTPClientError

from lab.server import ControlError
from tests.contract.lab.fleet import OTHER, PORTAL, REGION, Aws, eventually


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def set_boundary(aws: Aws, moment: str, action: str, nth: int = 1, **more: str) -> int:
    body = {"operation": "CreateTags", "nth": nth, "moment": moment, "action": action, **more}
    return int(aws.server.control("/lab/boundary", body)["id"])


def state(aws: Aws, number: int) -> str:
    return str(aws.server.control("/lab/boundaries")[number - 1]["state"])


def tag(aws: Aws, value: str) -> None:
    aws.ec2.create_tags(Resources=aws.ids("web-01"), Tags=[{"Key": "Step", "Value": value}])


def stands(aws: Aws) -> str:
    hosts = aws.server.control("/lab/hosts")
    return str(next(host["tags"].get("Step", "") for host in hosts if host["name"] == "web-01"))


def held(aws: Aws, pool: ThreadPoolExecutor, moment: str, value: str) -> tuple[int, Future[None]]:
    number = set_boundary(aws, moment, "hold")
    call = pool.submit(tag, aws, value)
    assert eventually(lambda: state(aws, number) == "holding")
    return number, call


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_held_call_goes_on_when_it_is_released(aws: Aws, pool: ThreadPoolExecutor, moment: str) -> None:
    number, call = held(aws, pool, moment, f"held {moment}")
    assert (stands(aws) == f"held {moment}") == (moment == "after")
    aws.server.control("/lab/release", {"id": number})
    call.result(timeout=10)
    assert (stands(aws), state(aws, number)) == (f"held {moment}", "over")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_held_call_breaks_when_its_connection_is_dropped(
    aws: Aws, pool: ThreadPoolExecutor, moment: str
) -> None:
    number, call = held(aws, pool, moment, f"broken {moment}")
    aws.server.control("/lab/release", {"id": number, "drop": True})
    with pytest.raises(HTTPClientError):
        call.result(timeout=10)
    assert (stands(aws) == f"broken {moment}") == (moment == "after")


def test_only_the_nth_call_breaks(aws: Aws) -> None:
    set_boundary(aws, "before", "drop", nth=2)
    tag(aws, "one")
    with pytest.raises(HTTPClientError):
        tag(aws, "two")
    assert stands(aws) == "one"
    tag(aws, "three")
    assert stands(aws) == "three"
    told = [entry["error"] for entry in aws.server.control("/lab/log") if entry["operation"] == "CreateTags"]
    assert told[-3:] == ["", "request dropped", ""]


def test_calls_in_other_accounts_do_not_count(aws: Aws) -> None:
    number = set_boundary(aws, "after", "drop", account=OTHER)
    tag(aws, "here")
    assert state(aws, number) == "waiting"


def test_a_reset_lets_everybody_go_on(aws: Aws, pool: ThreadPoolExecutor) -> None:
    _, call = held(aws, pool, "before", "reset")
    aws.server.control("/lab/reset", {})
    call.result(timeout=10)
    assert stands(aws) == "reset"


def test_the_log_names_who_calls(aws: Aws) -> None:
    keys = {"aws_access_key_id": PORTAL, "aws_secret_access_key": "any", "region_name": REGION}
    config = Config(user_agent_appid="worker-1")
    boto3.client("ec2", endpoint_url=aws.server.url, config=config, **keys).describe_instances()
    assert aws.server.control("/lab/log")[-1]["client"] == "worker-1"


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/lab/boundary", {"operation": "CreateTags", "moment": "during", "action": "hold"}, "a moment of"),
        ("/lab/release", {"id": 99}, "there is no boundary 99"),
    ],
)
def test_wrong_boundaries_are_told(aws: Aws, path: str, body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ControlError, match=sentence):
        aws.server.control(path, body)
