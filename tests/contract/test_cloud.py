"""The product's own AWS adapters against the simulated AWS: every port once, and every failure as its CloudError."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aws.command_status import Proves, proves
from aws.errors import AccessRefused, Ambiguous, CapacityShortage, Missing, Refused, Throttled
from aws.policies import BUCKET_SETTINGS, bucket_policy
from aws.ports import Invocation, SendRequest
from aws.power_refusals import STOP, Lasts, refusal_of
from aws.session import AccountAccess, AwsCloud
from aws.states import HIBERNATED
from lab.permissions import names
from lab.server import LabServer
from patching.documents import aws_windows
from patching.documents.assemble import document
from patching.documents.output import parse_result_line
from tests.contract.lab.fleet import OTHER, OUT, PORTAL, REGION, account, client, eventually
from tests.outputs import report_in

BUCKET = "patch-portal-results"
HOSTS: list[dict[str, Any]] = [
    {"name": "deb", "os": "debian12"},
    {"name": "red", "os": "rhel9", "account": OTHER},
    {"name": "win", "os": "windows2022", "kind": "scenario", "kernel_update": False},
    {"name": "asleep", "state": "stopped"},
    {"name": "dozing", "state": "hibernated", "hibernation": True},
]
MANAGED = {"PatchPortal:Managed": "true"}
DEFAULTS = {"account": PORTAL, "region": REGION, "pending": 4, "security": 2, "kernel_update": True,
            "tags": MANAGED}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    fleet = {"accounts": [account(PORTAL), account(OTHER)], "defaults": DEFAULTS, "hosts": HOSTS}
    with LabServer(fleet, tmp_path_factory.mktemp("cloud"), 60.0) as running:
        yield running


@pytest.fixture
def cloud(server: LabServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsCloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", PORTAL)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    accounts = {one: AccountAccess(one, "PatchPortal", "agreed", (REGION,)) for one in (PORTAL, OTHER)}
    yield AwsCloud(accounts, portal_region=REGION, endpoint_url=server.url)
    server.control("/lab/reset", {})


def host(server: LabServer, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in server.control("/lab/hosts") if one["name"] == name)
    return found


def request(name: str, version: str, ids: list[str], **parameters: str) -> SendRequest:
    dispatch = str(uuid.uuid4())
    return SendRequest(
        document_name=name,
        document_version=version,
        instance_ids=ids,
        parameters={"DispatchId": [dispatch], **{key: [value] for key, value in parameters.items()}},
        comment=f"pp:{dispatch}",
        delivery_timeout_s=600,
        output_bucket=BUCKET,
        output_prefix=OUT,
    )


def patch(cloud: AwsCloud, where: dict[str, Any], place: str = OUT) -> tuple[SendRequest, Invocation]:
    made = document("patch", where["platform"])
    ssm = cloud.ssm(where["account"], where["region"])
    version = ssm.publish_document(made.name, made.content_yaml)
    assert ssm.publish_document(made.name, made.content_yaml) == version
    sent = request(made.name, version, [where["instance_id"]], DocumentHash=made.sha256)
    sent = replace(sent, output_prefix=place)
    command = ssm.send_command(sent)

    def over() -> list[Invocation]:
        return [one for one in ssm.list_invocations(command.command_id) if one.terminal]

    return sent, eventually(over, 40)[0]


@pytest.mark.parametrize("name", ["deb", "red", "win"])
def test_the_real_document_patches_a_host_through_its_reboot(
    server: LabServer, cloud: AwsCloud, name: str
) -> None:
    where = host(server, name)
    place = f"output/{where['account']}/test"
    sent, ended = patch(cloud, where, place)
    assert (ended.status, ended.response_code) == ("Success", 0)
    line = parse_result_line(ended.output)
    assert line is not None
    assert (line.status, line.reboot_done, line.upgradable) == ("patched", True, 0)
    prefix = f"{place}/{ended.command_id}/{where['instance_id']}/"
    key = next(key for key in cloud.objects().keys(BUCKET, prefix, most=100) if key.endswith("/patch/stdout"))
    report = report_in(cloud.objects().get(BUCKET, key, last_bytes=500_000, within_s=20).decode())
    assert report["dispatch"] == sent.parameters["DispatchId"][0]
    assert report["command_id"] == ended.command_id
    assert report["before"]["boot_id"] != report["after"]["boot_id"]
    assert len(report["changes"]) == 4


def test_a_command_is_found_again_by_its_comment(server: LabServer, cloud: AwsCloud) -> None:
    """The exactly-once rule: the answer is lost, the command is there, once."""
    made, where = document("precheck", "linux"), host(server, "deb")
    ssm = cloud.ssm(PORTAL, REGION)
    version = ssm.publish_document(made.name, made.content_yaml)
    sent = request(made.name, version, [where["instance_id"]])
    server.control("/lab/drop", {"operation": "SendCommand", "times": 1})
    with pytest.raises(Ambiguous):
        ssm.send_command(sent)
    before = datetime.now(UTC) - timedelta(seconds=60)
    found = [
        one
        for one in ssm.list_commands(document_name=made.name, invoked_after=before)
        if one.comment == sent.comment
    ]
    assert len(found) == 1
    eventually(lambda: [one for one in ssm.list_invocations(found[0].command_id) if one.terminal])
    lost = [one for one in server.control("/lab/log?since=0") if one["error"] == "answer dropped"]
    assert [(one["operation"], one["command_id"]) for one in lost] == [("SendCommand", found[0].command_id)]


def test_awss_own_windows_document_is_sent_and_found_by_its_comment(
    server: LabServer, cloud: AwsCloud
) -> None:
    ssm, where = cloud.ssm(PORTAL, REGION), host(server, "win")
    given = aws_windows.parameters(mode="all", reboot="never", excluded=["KB1"])
    sent = replace(request(aws_windows.NAME, aws_windows.VERSION, [where["instance_id"]]), parameters=given)
    command = ssm.send_command(sent)
    ended = eventually(lambda: [one for one in ssm.list_invocations(command.command_id) if one.terminal])[0]
    assert proves(ended.status, ended.status_details) is Proves.ENDED
    assert "| Info | Searching for Windows Updates." in ended.output
    before = datetime.now(UTC) - timedelta(seconds=60)
    listed = ssm.list_commands(document_name=aws_windows.NAME, invoked_after=before)
    assert [one.command_id for one in listed if one.comment == sent.comment] == [command.command_id]


def test_failures_arrive_as_the_kind_that_they_are(server: LabServer, cloud: AwsCloud) -> None:
    ec2, ssm = cloud.ec2(PORTAL, REGION), cloud.ssm(PORTAL, REGION)
    asleep = host(server, "asleep")["instance_id"]
    with pytest.raises(Missing) as unknown:
        ec2.create_tags(["i-0123456789abcdef0", asleep], {"PatchWindow": "v"})
    assert unknown.value.ids == ("i-0123456789abcdef0",)
    with pytest.raises(Refused):
        ec2.create_tags([asleep], {"aws:x": "v"})
    server.control("/lab/fault", {"host": "asleep", "fault": "start_no_capacity"})
    with pytest.raises(CapacityShortage):
        ec2.start_instances([asleep])
    server.control(
        "/lab/throttle",
        {"service": "ssm", "operation": "SendCommand", "capacity": 0, "refill_per_s": 0},
    )
    with pytest.raises(Throttled):
        ssm.send_command(request("PatchPortal-Precheck-Linux", "1", [asleep]))
    server.control("/lab/throttle", {"off": True})
    with pytest.raises(Missing):
        ssm.send_command(request("PatchPortal-Precheck-Linux", "1", [asleep]))


def test_a_role_that_was_taken_away_and_given_back(server: LabServer, cloud: AwsCloud) -> None:
    red = host(server, "red")["instance_id"]
    assert [one.instance_id for one in cloud.ec2(OTHER, REGION).describe_instances()] == [red]
    server.control("/lab/credentials", {"account": OTHER, "state": "revoked"})
    for _ in range(2):  # with the keys it had, then at AssumeRole
        with pytest.raises(AccessRefused):
            list(cloud.ec2(OTHER, REGION).describe_instances())
    assert list(cloud.ec2(PORTAL, REGION).describe_instances())
    server.control("/lab/credentials", {"account": OTHER, "state": "ok"})
    assert list(cloud.ec2(OTHER, REGION).describe_instances())
    assert cloud.identity(OTHER).account_id() == OTHER


@pytest.mark.parametrize(("role", "external_id"), [("PatchPortal", "guessed"), ("Other", "agreed")])
def test_a_role_or_external_id_that_was_not_agreed(
    server: LabServer, cloud: AwsCloud, role: str, external_id: str
) -> None:
    access = {OTHER: AccountAccess(OTHER, role, external_id, (REGION,))}
    stranger = AwsCloud(access, portal_region=REGION, endpoint_url=server.url)
    with pytest.raises(AccessRefused, match="AssumeRole"):
        list(stranger.ec2(OTHER, REGION).describe_instances())


def test_a_role_opens_with_the_agreed_external_id_alone(cloud: AwsCloud) -> None:
    door = cloud.entrance(OTHER)
    assert [door.opens(one) for one in ("agreed", "", "guessed")] == [True, False, False]


def test_starting_and_stopping(server: LabServer, cloud: AwsCloud) -> None:
    asleep, ec2 = host(server, "asleep")["instance_id"], cloud.ec2(PORTAL, REGION)
    first = ec2.describe([asleep])[0].launch_time
    ec2.start_instances([asleep])
    eventually(lambda: asleep in {node.instance_id for node in cloud.ssm(PORTAL, REGION).managed_nodes()})
    started = ec2.describe([asleep])[0]
    assert started.state == "running"
    assert started.launch_time is not None
    assert first is not None
    assert started.launch_time >= first
    ec2.stop_instances([asleep])
    eventually(lambda: ec2.describe([asleep])[0].state == "stopped")


def test_hibernating_again_and_what_refuses_a_stop(server: LabServer, cloud: AwsCloud) -> None:
    """Adapter, errors and table of refusals together: what the engine decides by."""
    dozing, ec2 = host(server, "dozing")["instance_id"], cloud.ec2(PORTAL, REGION)
    assert ec2.describe([dozing])[0].state_reason == HIBERNATED
    ec2.start_instances([dozing])
    eventually(lambda: dozing in {node.instance_id for node in cloud.ssm(PORTAL, REGION).managed_nodes()})
    refusals = (
        ("stop_protected", Lasts.LASTING, "stop protection"),
        ("hibernate_not_ready", Lasts.PASSING, "first minutes"),
    )
    for fault, lasts, mends in refusals:
        server.control("/lab/fault", {"host": "dozing", "fault": fault})
        with pytest.raises(Refused) as caught:
            ec2.stop_instances([dozing], hibernate=True)
        row = refusal_of(caught.value, STOP)
        assert row.lasts == lasts
        assert mends in row.mends
        server.control("/lab/fault", {"host": "dozing", "fault": fault, "on": False})
    ec2.stop_instances([dozing], hibernate=True)
    eventually(lambda: ec2.describe([dozing])[0].state == "stopped")
    assert ec2.describe([dozing])[0].state_reason == HIBERNATED


def test_of_a_large_object_only_the_end_is_read(cloud: AwsCloud) -> None:
    objects = cloud.objects()
    objects.put_once(BUCKET, "evidence/large", b"x" * 10_000 + b"the end")
    assert objects.get(BUCKET, "evidence/large", last_bytes=7, within_s=20) == b"the end"
    assert len(objects.get(BUCKET, "evidence/large", last_bytes=500_000, within_s=20)) == 10_007
    objects.put_once(BUCKET, "evidence/empty", b"")
    assert objects.get(BUCKET, "evidence/empty", last_bytes=7, within_s=20) == b""
    with pytest.raises(Missing):
        objects.get(BUCKET, "absent", last_bytes=7, within_s=20)


def test_the_bucket_shows_its_policy_and_settings(server: LabServer, cloud: AwsCloud) -> None:
    bucket = cloud.bucket(BUCKET)
    assert bucket.policy() == bucket_policy(names(server.scenario))
    assert bucket.ownership() == BUCKET_SETTINGS["object_ownership"]
    assert bucket.public_access_block() == BUCKET_SETTINGS["public_access_block"]
    assert bucket.versioning() == BUCKET_SETTINGS["versioning"]
    with pytest.raises(Missing):
        cloud.bucket("nowhere-at-all").policy()


def test_a_bucket_without_any_of_it_says_so(server: LabServer, cloud: AwsCloud) -> None:
    s3 = client(server.url, "s3", PORTAL, REGION)
    s3.create_bucket(Bucket="bare-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    bucket = cloud.bucket("bare-bucket")
    assert (bucket.policy(), bucket.ownership(), bucket.public_access_block(), bucket.versioning()) == (
        {},
        "",
        {},
        "",
    )


def test_nothing_is_written_over(cloud: AwsCloud) -> None:
    objects = cloud.objects()
    assert objects.put_once(BUCKET, "evidence/once", b"first")
    assert not objects.put_once(BUCKET, "evidence/once", b"second")
    assert objects.get(BUCKET, "evidence/once", last_bytes=100, within_s=20) == b"first"
