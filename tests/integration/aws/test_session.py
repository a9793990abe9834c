from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

import aws
from aws.errors import AccessRefused, Ambiguous, CapacityShortage, Refused, Throttled
from aws.session import AccountAccess, AwsCloud
from tests.integration.aws.conftest import (
    DROP,
    NO_INSTANCES,
    OTHER_ACCOUNT,
    PORTAL_ACCOUNT,
    REGION,
    ScriptedAws,
    a_send,
    ec2_error,
    make_cloud,
    ssm_error,
)

# --- how often a call goes out ---------------------------------------------------------------------


@pytest.mark.parametrize("answer", [DROP, (500, ssm_error("InternalServerError"))])
def test_send_command_leaves_once_and_is_ambiguous(
    scripted: ScriptedAws, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    scripted.answers["SendCommand"] = answer
    with pytest.raises(Ambiguous):
        make_cloud(scripted.url).ssm(OTHER_ACCOUNT, REGION).send_command(a_send())
    assert scripted.count("SendCommand") == 1


def test_throttled_send_command_leaves_once(scripted: ScriptedAws) -> None:
    scripted.answers["SendCommand"] = (400, ssm_error("ThrottlingException"))
    with pytest.raises(Throttled):
        make_cloud(scripted.url).ssm(OTHER_ACCOUNT, REGION).send_command(a_send())
    assert scripted.count("SendCommand") == 1


def test_start_leaves_once_and_tells_the_shortage(scripted: ScriptedAws) -> None:
    said = ec2_error("InsufficientInstanceCapacity", "No room for m5.large.")
    scripted.answers["StartInstances"] = (500, said)
    with pytest.raises(CapacityShortage, match=r"No room for m5\.large"):
        make_cloud(scripted.url).ec2(OTHER_ACCOUNT, REGION).start_instances(["i-1"])
    assert scripted.count("StartInstances") == 1


@pytest.mark.parametrize("answer", [DROP, (503, ec2_error("RequestLimitExceeded", "Slow down."))])
def test_reads_go_out_three_times(scripted: ScriptedAws, answer: object) -> None:
    scripted.answers["DescribeInstances"] = answer
    with pytest.raises((Ambiguous, Throttled)):
        list(make_cloud(scripted.url).ec2(OTHER_ACCOUNT, REGION).describe_instances())
    assert scripted.count("DescribeInstances") == 3


def test_tagging_goes_on_after_a_lost_answer(scripted: ScriptedAws) -> None:
    left = [DROP, (200, "<CreateTagsResponse><return>true</return></CreateTagsResponse>")]
    scripted.answers["CreateTags"] = lambda _: left.pop(0)
    make_cloud(scripted.url).ec2(OTHER_ACCOUNT, REGION).create_tags(["i-1"], {"A": "b"})
    assert scripted.count("CreateTags") == 2


def test_nobody_listening_is_ambiguous() -> None:
    with pytest.raises(Ambiguous):
        list(make_cloud("http://127.0.0.1:9").ec2(PORTAL_ACCOUNT, REGION).describe_instances())


# --- what never goes out ---------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 51])
def test_send_command_takes_1_to_50(scripted: ScriptedAws, count: int) -> None:
    with pytest.raises(Refused, match=f"not {count}"):
        make_cloud(scripted.url).ssm(OTHER_ACCOUNT, REGION).send_command(a_send(count))
    assert scripted.requests == []


def test_comment_too_long_for_aws_is_refused_before(scripted: ScriptedAws) -> None:
    with pytest.raises(Refused, match="101 characters"):
        make_cloud(scripted.url).ssm(OTHER_ACCOUNT, REGION).send_command(a_send(comment="x" * 101))
    assert scripted.requests == []


@pytest.mark.parametrize("count", [0, 1001])
def test_tags_take_1_to_1000(scripted: ScriptedAws, count: int) -> None:
    ec2 = make_cloud(scripted.url).ec2(OTHER_ACCOUNT, REGION)
    with pytest.raises(Refused, match=f"not {count}"):
        ec2.create_tags(["i-1"] * count, {"A": "b"})
    with pytest.raises(Refused, match=f"not {count}"):
        ec2.delete_tags(["i-1"] * count, ["A"])
    assert scripted.requests == []


# --- what a call carries ---------------------------------------------------------------------------


def test_send_command_carries_everything(scripted: ScriptedAws) -> None:
    scripted.answers["SendCommand"] = (200, '{"Command": {"CommandId": "c-1", "RequestedDateTime": 1.5}}')
    command = make_cloud(scripted.url).ssm(OTHER_ACCOUNT, REGION).send_command(a_send(2))
    sent = scripted.last("SendCommand").fields
    assert command.command_id == "c-1"
    assert command.requested_at == datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)
    assert sent == {
        "DocumentName": "PatchPortal-Patch-Linux",
        "DocumentVersion": "3",
        "InstanceIds": ["i-00000000000000000", "i-00000000000000001"],
        "Parameters": {"Mode": ["all"]},
        "Comment": "pp:1",
        "TimeoutSeconds": 600,
        "OutputS3BucketName": "bucket",
        "OutputS3KeyPrefix": "runs/1",
        "MaxConcurrency": "100%",
        "MaxErrors": "100%",
    }


def test_list_commands_asks_in_utc_by_document(scripted: ScriptedAws) -> None:
    after = datetime.fromisoformat("2026-12-01T01:30:00.900+01:00")
    ssm = make_cloud(scripted.url).ssm(OTHER_ACCOUNT, REGION)
    assert list(ssm.list_commands(document_name="D", invoked_after=after)) == []
    assert scripted.last("ListCommands").fields == {
        "MaxResults": 50,
        "Filters": [
            {"key": "InvokedAfter", "value": "2026-12-01T00:30:00Z"},
            {"key": "DocumentName", "value": "D"},
        ],
    }


def test_role_is_entered_with_external_id_and_name(scripted: ScriptedAws) -> None:
    scripted.answers["DescribeInstances"] = NO_INSTANCES
    list(make_cloud(scripted.url).ec2(OTHER_ACCOUNT, REGION).describe_instances())
    entered = scripted.last("AssumeRole").fields
    assert entered["RoleArn"] == f"arn:aws:iam::{OTHER_ACCOUNT}:role/PatchPortal"
    assert entered["ExternalId"] == "demo-external-id"
    assert entered["RoleSessionName"] == "patch-portal"
    called = scripted.last("DescribeInstances").headers
    assert "Credential=ASIAROLE/" in called["Authorization"]
    assert f"patch-portal/{aws.__version__}" in called["User-Agent"]


def test_endpoint_of_the_environment_counts(scripted: ScriptedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", scripted.url)
    assert make_cloud().identity(PORTAL_ACCOUNT).account_id() == PORTAL_ACCOUNT


# --- accounts and their credentials ----------------------------------------------------------------


def test_role_is_entered_once_for_many_calls_and_threads(scripted: ScriptedAws) -> None:
    scripted.answers["DescribeInstances"] = NO_INSTANCES
    cloud = make_cloud(scripted.url)
    ports = [cloud.ec2(OTHER_ACCOUNT, REGION) for _ in range(8)]
    threads = [threading.Thread(target=lambda ec2=ec2: list(ec2.describe_instances())) for ec2 in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert scripted.count("DescribeInstances") == 8
    assert scripted.count("AssumeRole") == 1


def test_keys_near_their_end_are_renewed(scripted: ScriptedAws) -> None:
    scripted.answers["DescribeInstances"] = NO_INSTANCES
    scripted.keys_valid_s = 60
    cloud = make_cloud(scripted.url)
    list(cloud.ec2(OTHER_ACCOUNT, REGION).describe_instances())
    list(cloud.ec2(OTHER_ACCOUNT, REGION).describe_instances())
    assert scripted.count("AssumeRole") >= 2


def test_keys_that_aws_no_longer_knows_are_replaced_at_the_next_call(scripted: ScriptedAws) -> None:
    left = [(401, ec2_error("AuthFailure", "Unknown keys.")), NO_INSTANCES]
    scripted.answers["DescribeInstances"] = lambda _: left.pop(0)
    ec2 = make_cloud(scripted.url).ec2(OTHER_ACCOUNT, REGION)
    with pytest.raises(AccessRefused):
        list(ec2.describe_instances())
    assert list(ec2.describe_instances()) == []
    assert scripted.count("AssumeRole") == 2


def test_refused_role_names_account_and_role_call(scripted: ScriptedAws) -> None:
    said = ec2_error("AccessDenied", "User is not authorized to perform: sts:AssumeRole")
    scripted.answers["AssumeRole"] = (403, said.replace("Response>", "ErrorResponse>"))
    with pytest.raises(AccessRefused) as caught:
        make_cloud(scripted.url).ssm(OTHER_ACCOUNT, REGION).send_command(a_send())
    assert caught.value.operation == "AssumeRole"
    assert OTHER_ACCOUNT in caught.value.message
    assert scripted.count("SendCommand") == 0


def test_unknown_account_is_refused_in_a_sentence(scripted: ScriptedAws) -> None:
    with pytest.raises(AccessRefused, match="Account 999900001111 is not connected to the portal"):
        make_cloud(scripted.url).ec2("999900001111", REGION)


def test_no_role_name_only_opens_the_portal_s_own_account(scripted: ScriptedAws) -> None:
    accounts = {OTHER_ACCOUNT: AccountAccess(OTHER_ACCOUNT, "", "")}
    cloud = AwsCloud(accounts, portal_region=REGION, endpoint_url=scripted.url)
    with pytest.raises(AccessRefused, match=f"own is {PORTAL_ACCOUNT}"):
        list(cloud.ec2(OTHER_ACCOUNT, REGION).describe_instances())


def test_changed_role_counts_from_the_next_call(scripted: ScriptedAws) -> None:
    scripted.answers["DescribeInstances"] = NO_INSTANCES
    rows = [AccountAccess(OTHER_ACCOUNT, "Old", "x1")]
    cloud = AwsCloud(lambda: rows, portal_region=REGION, endpoint_url=scripted.url)
    list(cloud.ec2(OTHER_ACCOUNT, REGION).describe_instances())
    rows[:] = [AccountAccess(OTHER_ACCOUNT, "New", "x2")]
    list(cloud.ec2(OTHER_ACCOUNT, REGION).describe_instances())
    assert scripted.last("AssumeRole").fields["RoleArn"].endswith("role/New")


def test_without_credentials_the_sentence_says_so(
    scripted: ScriptedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AccessRefused, match="Unable to locate credentials"):
        make_cloud(scripted.url).objects().put_once("bucket", "key", b"")


# --- the rate --------------------------------------------------------------------------------------


class Recorder:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.slowed: list[tuple[str, str, str]] = []

    def throttled(self, account_id: str, region: str, operation: str) -> None:
        self.slowed.append((account_id, region, operation))

    def acquire(self, account_id: str, region: str, operation: str) -> None:
        self.asked.append((account_id, region, operation))


def test_limiter_is_asked_once_per_page(scripted: ScriptedAws) -> None:
    pages = [(200, '{"Commands": [], "NextToken": "2"}'), (200, '{"Commands": []}')]
    scripted.answers["ListCommands"] = lambda _: pages.pop(0)
    limiter = Recorder()
    ssm = make_cloud(scripted.url, limiter=limiter).ssm(OTHER_ACCOUNT, REGION)
    list(ssm.list_commands(document_name="D", invoked_after=datetime(2026, 1, 1, tzinfo=UTC)))
    assert limiter.asked.count((OTHER_ACCOUNT, REGION, "ListCommands")) == 2


def test_limiter_hears_of_a_throttled_reply(scripted: ScriptedAws) -> None:
    refusal = '{"__type": "ThrottlingException", "message": "Rate exceeded"}'
    scripted.answers["SendCommand"] = lambda _: (400, refusal)
    limiter = Recorder()
    with pytest.raises(Throttled):
        make_cloud(scripted.url, limiter=limiter).ssm(OTHER_ACCOUNT, REGION).send_command(a_send())
    assert limiter.slowed == [(OTHER_ACCOUNT, REGION, "SendCommand")]


class Full:
    def throttled(self, account_id: str, region: str, operation: str) -> None:
        raise AssertionError("nothing was called")

    def acquire(self, account_id: str, region: str, operation: str) -> None:
        raise Throttled("The portal's own limit is reached.", operation=operation)


def test_limiter_may_refuse_before_anything_leaves(scripted: ScriptedAws) -> None:
    with pytest.raises(Throttled, match="own limit"):
        make_cloud(scripted.url, limiter=Full()).ssm(OTHER_ACCOUNT, REGION).send_command(a_send())
    assert scripted.requests == []


# --- silence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "said"), [("AccessDenied", False), ("ExpiredToken", None)])
def test_only_a_denial_says_that_a_role_stays_shut(
    scripted: ScriptedAws, code: str, said: bool | None
) -> None:
    door = make_cloud(scripted.url).entrance(OTHER_ACCOUNT)
    assert door.opens("any")
    scripted.answers["AssumeRole"] = (403, ec2_error(code, "No.").replace("Response>", "ErrorResponse>"))
    if said is None:
        with pytest.raises(AccessRefused):
            door.opens("")
    else:
        assert door.opens("") is said
    assert "ExternalId" not in scripted.last("AssumeRole").fields
