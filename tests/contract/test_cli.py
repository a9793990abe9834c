"""The real AWS command line against `python -m lab`: a second client that nobody of us wrote."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws_cli import Cli
from tests.contract.lab.fleet import OTHER, PORTAL, REGION, document, eventually, scenario

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("cli")
    fleet = folder / "fleet.json"  # JSON is YAML too
    fleet.write_text(json.dumps(scenario([{"name": "web", "count": 3}, {"name": "far", "account": OTHER}])))
    command = [sys.executable, "-m", "lab", "--scenario", str(fleet), "--state", str(folder / "state")]
    with subprocess.Popen(
        [*command, "--time-scale", "40"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("lab ready http://127.0.0.1:")
        yield line.split()[-1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0


@pytest.fixture
def cli(endpoint: str) -> Cli:
    return Cli(endpoint, REGION, PORTAL)


def test_the_way_of_a_command(cli: Cli, tmp_path: Path) -> None:
    names = "Reservations[].Instances[].InstanceId"
    ids = cli("ec2", "describe-instances", "--filters", "Name=tag:Name,Values=web-0?", "--query", names)
    assert len(ids) == 3
    content = tmp_path / "document.yaml"
    content.write_text(document('echo "on $AWS_SSM_INSTANCE_ID"'))
    options = ("--document-type", "Command", "--document-format", "YAML")
    cli("ssm", "create-document", "--name", "By-Hand", "--content", f"file://{content}", *options)
    bucket = (
        "--output-s3-bucket-name",
        "patch-portal-results",
        "--output-s3-key-prefix",
        f"output/{PORTAL}/hand",
    )
    sent = cli("ssm", "send-command", "--document-name", "By-Hand", "--instance-ids", *ids[:2], *bucket)
    command_id = sent["Command"]["CommandId"]

    def over() -> list[dict[str, Any]]:
        rows = cli("ssm", "list-command-invocations", "--command-id", command_id, "--details")
        return [row for row in rows["CommandInvocations"] if row["Status"] == "Success"]

    rows = eventually(lambda: found if len(found := over()) == 2 else [])
    assert {row["CommandPlugins"][0]["Output"] for row in rows} == {f"on {one}\n" for one in ids[:2]}
    keys = cli("s3api", "list-objects-v2", "--bucket", "patch-portal-results", "--query", "Contents[].Key")
    assert f"output/{PORTAL}/hand/{command_id}/{ids[0]}/awsrunShellScript/step1/stdout" in keys


def test_a_role_in_another_account(cli: Cli) -> None:
    role = ("sts", "assume-role", "--role-arn", f"arn:aws:iam::{OTHER}:role/PatchPortal")
    with pytest.raises(RuntimeError, match=r"\(AccessDenied\) when calling the AssumeRole"):
        cli(*role, "--role-session-name", "hand", "--external-id", "wrong")
    keys = cli.enter(OTHER, "PatchPortal", "agreed")
    assert cli("sts", "get-caller-identity", "--query", "Account", keys=keys) == OTHER
    names = "Reservations[].Instances[].Tags[?Key=='Name'].Value[]"
    assert cli("ec2", "describe-instances", "--query", names, keys=keys) == ["far"]


@pytest.mark.parametrize(
    "words",
    [
        ("imagebuilder", "list-images"),  # moto has no such service
        ("ssm", "get-inventory"),
        ("ec2", "describe-vpc-encryption-controls"),
    ],
)
def test_what_is_missing_is_told_as_aws_tells_it(cli: Cli, words: tuple[str, ...]) -> None:
    with pytest.raises(RuntimeError, match="does not implement"):
        cli(*words)
