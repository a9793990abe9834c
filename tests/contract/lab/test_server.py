"""Starting, seeding, keeping and ending a lab."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from moto import mock_aws
from moto.ec2.responses import EC2Response

from lab.scenario import ScenarioError, load
from lab.server import LabServer
from tests.contract.lab.fleet import PORTAL, Aws, account, eventually, scenario

ROOT = Path(__file__).parents[3]


def ids(server: LabServer) -> list[str]:
    return [host["instance_id"] for host in server.control("/lab/hosts")]


def test_2000_hosts_are_seeded_within_10_seconds_and_listed_fast(state: Path) -> None:
    hosts = [{"name": "h", "count": 2000, "tags": {"Owner": "ana", "Application": "pay"}}]
    began = time.monotonic()
    with LabServer(scenario(hosts), state) as server:
        assert time.monotonic() - began < 10
        aws = Aws(server)
        began = time.monotonic()
        pages = list(
            aws.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 1000})
        )
        assert [len(page["Reservations"]) for page in pages] == [1000, 1000]
        assert time.monotonic() - began < 10
        rows = [
            one["InstanceId"] for page in pages for row in page["Reservations"] for one in row["Instances"]
        ]
        assert len(set(rows)) == 2000
        began = time.monotonic()
        aws.ec2.create_tags(Resources=rows[:1000], Tags=[{"Key": "PatchWindow", "Value": "x"}])
        assert time.monotonic() - began < 3
        nodes = aws.ssm.get_paginator("describe_instance_information").paginate(
            PaginationConfig={"PageSize": 50}
        )
        assert sum(len(page["InstanceInformationList"]) for page in nodes) == 2000
    assert not list((state / "hosts").rglob("os-release")) if (state / "hosts").exists() else True


def test_a_second_start_finds_the_same_fleet(state: Path) -> None:
    with LabServer(scenario(), state, 100) as server:
        first, aws = ids(server), Aws(server)
        aws.ec2.create_tags(Resources=aws.ids("web-01"), Tags=[{"Key": "PatchWindow", "Value": "sat"}])
        aws.ec2.stop_instances(InstanceIds=aws.ids("web-02"))
        aws.fault("web-03", "hang")
        aws.run("web-01", 'echo kept >"$PATCH_PORTAL_ROOT/etc/kept"')
        aws.s3.put_object(Bucket="patch-portal-results", Key="runs/1/ü .json", Body=b"{}")
        aws.s3.put_object(Bucket="patch-portal-results", Key="runs/1/gone", Body=b"x")
        aws.s3.delete_object(Bucket="patch-portal-results", Key="runs/1/gone")
        eventually(lambda: aws.state("web-02") == "stopped")
    with LabServer(scenario(), state, 100) as server:
        aws = Aws(server)
        assert ids(server) == first
        assert aws.hosts["web-01"]["tags"]["PatchWindow"] == "sat"
        assert aws.state("web-02") == "stopped"
        assert aws.hosts["web-03"]["faults"] == ["hang"]
        kept = aws.run("web-01", 'cat "$PATCH_PORTAL_ROOT/etc/kept"')
        assert kept["StandardOutputContent"] == "kept\n"
        listed = aws.s3.list_objects_v2(Bucket="patch-portal-results")["Contents"]
        assert [one["Key"] for one in listed] == ["runs/1/ü .json"]


def test_ids_follow_from_scenario_and_name(tmp_path: Path) -> None:
    with LabServer(scenario(), tmp_path / "a") as server:
        first = ids(server)
    with LabServer({**scenario(), "name": "another"}, tmp_path / "b") as server:
        second = ids(server)
    assert all(re.fullmatch(r"i-[0-9a-f]{17}", one) for one in first)
    assert not set(first) & set(second)


def test_a_torn_last_line_of_the_journal_is_left_out(state: Path) -> None:
    with LabServer(scenario(), state) as server:
        first = ids(server)
    with (state / "fleet.jsonl").open("a") as file:
        file.write('["i-123", {"state": "runn')
    with LabServer(scenario(), state) as server:
        assert ids(server) == first


def test_hosts_of_the_same_name_are_two_hosts(state: Path) -> None:
    with LabServer(scenario([{"name": ""}, {"name": ""}]), state) as server:
        hosts = server.control("/lab/hosts")
    assert len({host["instance_id"] for host in hosts}) == 2
    assert [host["tags"] for host in hosts] == [{}, {}]


def test_one_lab_per_process_and_stock_moto_afterwards(tmp_path: Path) -> None:
    stock = EC2Response.create_tags
    with LabServer(scenario(), tmp_path / "a"):
        assert EC2Response.create_tags is not stock
        with pytest.raises(RuntimeError, match="already running"):
            LabServer(scenario(), tmp_path / "b").start()
    assert EC2Response.create_tags is stock
    with mock_aws():  # another test's moto is not touched
        pass


def test_stock_moto_still_needs_us() -> None:
    # When this fails, a newer moto may need fewer of our overrides.
    from moto.ssm.responses import SimpleSystemManagerResponse

    for operation in ("list_command_invocations", "cancel_command", "describe_instance_information"):
        assert not hasattr(SimpleSystemManagerResponse, operation)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ({"name": "a", "account": "999988887777"}, "account is '999988887777'"),
        ({"name": "a", "region": "mars-1"}, "region 'mars-1'"),
        ({"name": "a", "os": "plan9"}, "os is 'plan9'"),
        ({"name": "a", "faults": ["gremlins"]}, "unknown fault gremlins"),
        ({"name": "a", "os": "windows2022"}, "kind: scenario"),
        ({"name": "a", "colour": "red"}, "unknown entry colour"),
        ({"name": "a", "tags": ["Owner"]}, "tags are a mapping"),
    ],
)
def test_wrong_scenarios_are_refused_with_a_sentence(host: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ScenarioError, match=sentence):
        load(scenario([host]))


def test_an_account_id_that_yaml_read_as_a_number_is_told() -> None:
    with pytest.raises(ScenarioError, match="quote it"):
        load({"accounts": [{**account(PORTAL), "id": 1234}], "hosts": []})


def test_the_demo_scenario_loads() -> None:
    fleet = load(ROOT / "lab/scenarios/demo.yaml")
    assert len(fleet.hosts) >= 60
    assert {host.os for host in fleet.hosts} >= {"debian12", "rhel9", "sles15", "windows2022", "amzn2023"}


def test_python_m_lab_says_when_it_is_ready_and_ends_on_sigterm(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(yaml.safe_dump(scenario([{"name": "one"}])))
    command = [
        sys.executable,
        "-m",
        "lab",
        "--scenario",
        str(file),
        "--port",
        "0",
        "--state",
        str(tmp_path / "s"),
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert re.fullmatch(r"lab ready http://127\.0\.0\.1:\d+\n", line)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_python_m_lab_tells_a_wrong_scenario_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text("hosts: []")
    command = [sys.executable, "-m", "lab", "--scenario", str(file), "--state", str(tmp_path / "s")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("lab: A scenario needs `accounts`")
