"""The adapters read what real AWS once answered (recorded outside the repository)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aws.ec2 import instance_of
from aws.ports import Invocation
from aws.ssm import SsmAdapter
from tests.integration.aws.conftest import OTHER_ACCOUNT, REGION, ScriptedAws, make_cloud

RECORDED = Path(__file__).resolve().parents[4] / "shared" / "recorded" / "aws"
pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason=f"recorded AWS answers are not on this machine: {RECORDED}"
)


def recorded(path: str) -> dict[str, Any]:
    held = json.loads((RECORDED / path).read_text(), object_hook=_moment)
    return held[0] if isinstance(held, list) else held.get("data", held)


def _moment(value: dict[str, Any]) -> Any:
    if value.pop("__class__", "") != "datetime":
        return value
    return datetime(**value, tzinfo=UTC)


def on_the_wire(answer: dict[str, Any]) -> tuple[int, str]:
    return 200, json.dumps(answer, default=lambda moment: moment.timestamp())


@pytest.fixture
def ssm(scripted: ScriptedAws) -> SsmAdapter:
    return make_cloud(scripted.url).ssm(OTHER_ACCOUNT, REGION)


def reservations() -> Iterator[dict[str, Any]]:
    for path in sorted(RECORDED.rglob("*escribe*nstances*.json")):
        yield from recorded(str(path.relative_to(RECORDED))).get("Reservations", ())


def test_every_recorded_instance_is_read() -> None:
    raw = [one for held in reservations() for one in held["Instances"]]
    for one in raw:
        if isinstance(one.get("LaunchTime"), str):  # the command line tool prints text
            one["LaunchTime"] = datetime.fromisoformat(one["LaunchTime"])
    found = [instance_of(one, OTHER_ACCOUNT, REGION) for one in raw]
    assert len(found) > 20
    assert all(one.instance_id.startswith("i-") and one.launch_time.tzinfo is UTC for one in found)
    states = ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
    assert {one.state for one in found} <= set(states)
    assert any(one.tags for one in found)
    assert any(one.instance_profile_arn for one in found)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("aws-cli-examples/ssm.describe-instance-information.json", "SLES"),
        ("c7n-placebo/test_ssm_send_command/ssm.DescribeInstanceInformation_1.json", "Ubuntu"),
    ],
)
def test_recorded_nodes(scripted: ScriptedAws, ssm: SsmAdapter, path: str, name: str) -> None:
    scripted.answers["DescribeInstanceInformation"] = on_the_wire(recorded(path))
    nodes = list(ssm.managed_nodes())
    assert [(one.ping_status, one.platform_type, one.platform_name) for one in nodes] == [
        ("Online", "Linux", name)
    ]
    assert nodes[0].last_ping_at is not None
    assert nodes[0].last_ping_at.tzinfo is UTC


def test_recorded_invocations(scripted: ScriptedAws, ssm: SsmAdapter) -> None:
    answer = recorded("aws-cli-examples/ssm.list-command-invocations.json")
    scripted.answers["ListCommandInvocations"] = on_the_wire(answer)
    found = list(ssm.list_invocations("ef7fdfd8-9b57-4151-a15c-db9a12345678"))
    assert [one.instance_id for one in found] == ["i-02573cafcfEXAMPLE", "i-0471e04240EXAMPLE"]
    assert all(one.terminal and one.response_code == 0 for one in found)
    assert all(one.output.startswith("Updating amazon-ssm-agent") for one in found)


@pytest.mark.parametrize(
    "path",
    [
        "aws-cli-examples/ssm.get-command-invocation.json",
        "c7n-placebo/test_ssm_send_command/ssm.GetCommandInvocation_1.json",
    ],
)
def test_recorded_single_invocation(scripted: ScriptedAws, ssm: SsmAdapter, path: str) -> None:
    answer = recorded(path)
    scripted.answers["GetCommandInvocation"] = on_the_wire(answer)
    assert ssm.get_invocation(answer["CommandId"], answer["InstanceId"]) == Invocation(
        answer["CommandId"], answer["InstanceId"], "Success", "Success", answer["StandardOutputContent"], 0
    )
