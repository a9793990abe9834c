"""EC2 as facts/aws.md §1.1 and §1.4 describe it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.lab.fleet import OTHER, REGION, Aws, code, eventually


def tags_of(aws: Aws, name: str) -> dict[str, str]:
    answer = aws.ec2.describe_instances(InstanceIds=aws.ids(name))
    return {tag["Key"]: tag["Value"] for tag in answer["Reservations"][0]["Instances"][0]["Tags"]}


def refused(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    return code(caught.value)


def test_an_instance_carries_what_inventory_reads(aws: Aws) -> None:
    found = aws.ec2.describe_instances(InstanceIds=aws.ids("win"))["Reservations"][0]["Instances"][0]
    assert len(found["InstanceId"]) == 19
    assert found["Platform"] == "windows"
    assert found["RootDeviceType"] == "ebs"
    assert found["Placement"]["AvailabilityZone"].startswith(REGION)
    assert found["IamInstanceProfile"]["Arn"].startswith("arn:aws:iam::111122223333:instance-profile/")
    assert found["ImageId"].startswith("ami-")
    assert found["PrivateIpAddress"].startswith("10.")
    assert found["LaunchTime"].tzinfo is not None
    bare = aws.ec2.describe_instances(InstanceIds=aws.ids("bare"))["Reservations"][0]["Instances"][0]
    assert "IamInstanceProfile" not in bare
    assert "Platform" not in bare


def test_ec2_may_call_a_windows_something_else(aws: Aws) -> None:
    """Of an own licence or an import: Platform is missing, PlatformDetails is what the image was registered as."""
    found = aws.ec2.describe_instances(InstanceIds=aws.ids("imported"))["Reservations"][0]["Instances"][0]
    assert "Platform" not in found
    assert found["PlatformDetails"] == "Linux/UNIX"
    [node] = aws.ssm.describe_instance_information(
        Filters=[{"Key": "InstanceIds", "Values": aws.ids("imported")}]
    )["InstanceInformationList"]
    assert node["PlatformType"] == "Windows"


def test_accounts_and_regions_are_apart(aws: Aws) -> None:
    keys = aws.assume(OTHER)
    names = aws.client("ec2", **keys).describe_tags(Filters=[{"Name": "key", "Values": ["Name"]}])["Tags"]
    assert [row["Value"] for row in names] == ["other"]
    assert refused(aws.ec2.describe_instances, InstanceIds=aws.ids("other")) == "InvalidInstanceID.NotFound"
    assert refused(aws.ec2.describe_instances, InstanceIds=aws.ids("far-01")) == "InvalidInstanceID.NotFound"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("tag:Owner", ["ana"], {"web-01", "web-02", "web-03", "web-04"}),
        ("tag:Name", ["web-0?", "sil*"], {"web-01", "web-02", "web-03", "web-04", "silent"}),
        ("tag-key", ["Owner"], {"web-01", "web-02", "web-03", "web-04", "asleep-01", "asleep-02"}),
        ("instance-state-name", ["stopped"], {"asleep-01", "asleep-02", "dozing"}),
        ("tag:owner", ["ana"], set()),
    ],
)
def test_filters(aws: Aws, name: str, values: list[str], expected: set[str]) -> None:
    pages = aws.ec2.get_paginator("describe_instances").paginate(Filters=[{"Name": name, "Values": values}])
    found = {one["InstanceId"] for page in pages for row in page["Reservations"] for one in row["Instances"]}
    assert found == {aws.id(host) for host in expected}


def test_an_id_filter_leaves_out_what_does_not_exist(aws: Aws) -> None:
    wanted = [*aws.ids("web-01"), "i-0123456789abcdef0"]
    answer = aws.ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": wanted}])
    assert [row["Instances"][0]["InstanceId"] for row in answer["Reservations"]] == aws.ids("web-01")


def test_pages_count_instances_from_5_to_1000(aws: Aws) -> None:
    first = aws.ec2.describe_instances(MaxResults=5)
    assert sum(len(row["Instances"]) for row in first["Reservations"]) == 5
    second = aws.ec2.describe_instances(MaxResults=5, NextToken=first["NextToken"])
    shown = [row["Instances"][0]["InstanceId"] for row in first["Reservations"] + second["Reservations"]]
    assert len(set(shown)) == 10
    last = aws.ec2.describe_instances(MaxResults=5, NextToken=second["NextToken"])
    assert len(last["Reservations"]) == len(aws.ec2.describe_instances()["Reservations"]) - 10
    assert "NextToken" not in last
    for size in (4, 1001):
        assert refused(aws.ec2.describe_instances, MaxResults=size) == "InvalidParameterValue"
    ids = aws.ids("web-01")
    assert refused(aws.ec2.describe_instances, MaxResults=5, InstanceIds=ids) == "InvalidParameterCombination"


def test_tags_are_written_overwritten_and_removed(aws: Aws) -> None:
    ids = aws.ids("web-01", "web-02")
    aws.ec2.create_tags(
        Resources=ids, Tags=[{"Key": "PatchWindow", "Value": "a"}, {"Key": "x/ü", "Value": ""}]
    )
    aws.ec2.create_tags(Resources=ids, Tags=[{"Key": "PatchWindow", "Value": "b"}])
    assert tags_of(aws, "web-02") == {"Name": "web-02", "Owner": "ana", "PatchWindow": "b", "x/ü": ""}
    aws.ec2.delete_tags(Resources=ids, Tags=[{"Key": "PatchWindow", "Value": "other"}, {"Key": "absent"}])
    assert tags_of(aws, "web-01")["PatchWindow"] == "b"
    aws.ec2.delete_tags(Resources=ids, Tags=[{"Key": "PatchWindow"}, {"Key": "x/ü"}])
    assert tags_of(aws, "web-01") == {"Name": "web-01", "Owner": "ana"}


def test_one_bad_id_refuses_the_whole_call(aws: Aws) -> None:
    ids = [*aws.ids("web-01"), "i-0123456789abcdef0"]
    for call in (aws.ec2.create_tags, aws.ec2.delete_tags):
        tags = [{"Key": "Owner", "Value": "ana"}]
        assert refused(call, Resources=ids, Tags=tags) == "InvalidInstanceID.NotFound"
    assert tags_of(aws, "web-01")["Owner"] == "ana"


@pytest.mark.parametrize(
    ("key", "value"), [("k" * 129, "v"), ("", "v"), ("k", "v" * 257), ("aws:mine", "v"), ("AWS:mine", "v")]
)
def test_tags_outside_the_limits_are_refused(aws: Aws, key: str, value: str) -> None:
    tags = [{"Key": key, "Value": value}]
    assert refused(aws.ec2.create_tags, Resources=aws.ids("web-01"), Tags=tags) == "InvalidParameterValue"


def test_tags_at_the_limits_are_taken(aws: Aws) -> None:
    tag = {"Key": "k" * 128, "Value": "ü" * 256}
    aws.ec2.create_tags(Resources=aws.ids("web-03"), Tags=[tag])
    assert tags_of(aws, "web-03")[tag["Key"]] == tag["Value"]
    aws.ec2.delete_tags(Resources=aws.ids("web-03"), Tags=[{"Key": tag["Key"]}])


def test_50_tags_per_resource_1000_resources_per_call(aws: Aws) -> None:
    room = 50 - len(tags_of(aws, "web-04"))
    tags = [{"Key": f"k{i}", "Value": "v"} for i in range(room)]
    aws.ec2.create_tags(Resources=aws.ids("web-04"), Tags=tags)
    more = [{"Key": "one-more", "Value": "v"}]
    assert refused(aws.ec2.create_tags, Resources=aws.ids("web-04"), Tags=more) == "TagLimitExceeded"
    aws.ec2.delete_tags(Resources=aws.ids("web-04"), Tags=[{"Key": tag["Key"]} for tag in tags])
    many = aws.ids("web-01") * 1001
    assert refused(aws.ec2.create_tags, Resources=many, Tags=more) == "InvalidParameterValue"


def test_stop_and_start_take_their_time_and_keep_their_reason(aws: Aws) -> None:
    aws.server.control("/lab/time-scale", {"scale": 30})
    ids = aws.ids("asleep-01")
    change = aws.ec2.start_instances(InstanceIds=ids)["StartingInstances"][0]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("stopped", "pending")
    aws.server.control("/lab/time-scale", {"scale": 8})  # a second and more between running and agent
    assert aws.state("asleep-01") == "pending"
    assert aws.ping("asleep-01") == "absent"
    eventually(lambda: aws.state("asleep-01") == "running")
    assert aws.ping("asleep-01") == "ConnectionLost"  # the agent is not up yet
    eventually(lambda: aws.ping("asleep-01") == "Online")
    aws.server.control("/lab/time-scale", {"scale": 20})  # a second of stopping
    again = aws.ec2.start_instances(InstanceIds=ids)["StartingInstances"][0]
    assert again["CurrentState"]["Name"] == "running"
    change = aws.ec2.stop_instances(InstanceIds=ids)["StoppingInstances"][0]
    assert change["CurrentState"]["Name"] == "stopping"
    assert refused(aws.ec2.start_instances, InstanceIds=ids) == "IncorrectInstanceState"
    eventually(lambda: aws.state("asleep-01") == "stopped")
    assert aws.ping("asleep-01") == "absent"
    found = aws.ec2.describe_instances(InstanceIds=ids)["Reservations"][0]["Instances"][0]
    assert found["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


def test_no_capacity_starts_none_of_them(aws: Aws) -> None:
    aws.fault("asleep-02", "start_no_capacity")
    ids = aws.ids("asleep-01", "asleep-02")
    assert refused(aws.ec2.start_instances, InstanceIds=ids) == "InsufficientInstanceCapacity"
    assert aws.state("asleep-01") == "stopped"


def test_a_terminated_instance_cannot_be_started(aws: Aws) -> None:
    aws.ec2.terminate_instances(InstanceIds=aws.ids("silent"))
    assert aws.state("silent") == "shutting-down"
    eventually(lambda: aws.state("silent") == "terminated")
    ids = aws.ids("silent")
    assert refused(aws.ec2.start_instances, InstanceIds=ids) == "IncorrectInstanceState"


def test_unknown_ids_are_named(aws: Aws) -> None:
    with pytest.raises(ClientError, match="'i-0123456789abcdef0' does not exist"):
        aws.ec2.start_instances(InstanceIds=["i-0123456789abcdef0"])
    assert refused(aws.ec2.stop_instances, InstanceIds=["web-01"]) == "InvalidInstanceID.Malformed"


def one(aws: Aws, name: str) -> dict[str, Any]:
    found: dict[str, Any] = aws.ec2.describe_instances(InstanceIds=aws.ids(name))["Reservations"][0][
        "Instances"
    ][0]
    return found


def said(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("start_host_full", "InsufficientCapacityOnHost"),
        ("start_reservation_full", "ReservationCapacityExceeded"),
        ("spot_interrupted", "IncorrectSpotRequestState"),
    ],
)
def test_each_refusal_of_a_start_has_its_own_code(aws: Aws, fault: str, expected: str) -> None:
    aws.fault("asleep-01", fault)
    assert refused(aws.ec2.start_instances, InstanceIds=aws.ids("asleep-01", "asleep-02")) == expected
    assert aws.state("asleep-02") == "stopped"
    spot = fault == "spot_interrupted"
    assert (one(aws, "asleep-01").get("InstanceLifecycle") == "spot") == spot
    assert (one(aws, "asleep-01")["StateReason"]["Code"] == "Server.SpotInstanceShutdown") == spot


def test_a_key_that_is_disabled_fails_after_the_start_was_accepted(aws: Aws) -> None:
    """Auto Scaling user guide: `Client.InternalError: Client error on launch`."""
    aws.fault("asleep-01", "start_key_disabled")
    change = aws.ec2.start_instances(InstanceIds=aws.ids("asleep-01"))["StartingInstances"][0]
    assert change["CurrentState"]["Name"] == "pending"
    eventually(lambda: aws.state("asleep-01") == "stopped")
    reason = one(aws, "asleep-01")["StateReason"]
    assert reason == {
        "Code": "Client.InternalError",
        "Message": "Client.InternalError: Client error on launch",
    }


def test_stop_protection_refuses_all_of_a_call_until_it_is_turned_off(aws: Aws) -> None:
    """EC2 user guide, stop protection; the message as people quote it."""
    name, both = aws.id("web-03"), aws.ids("web-03", "web-04")
    asked = {"InstanceId": name, "Attribute": "disableApiStop"}
    assert aws.ec2.describe_instance_attribute(**asked)["DisableApiStop"] == {"Value": False}
    aws.ec2.modify_instance_attribute(InstanceId=name, DisableApiStop={"Value": True})
    assert aws.ec2.describe_instance_attribute(**asked)["DisableApiStop"] == {"Value": True}
    for call, what in ((aws.ec2.stop_instances, "stopped"), (aws.ec2.terminate_instances, "terminated")):
        assert said(call, InstanceIds=both) == (
            "OperationNotPermitted",
            f"The instance '{name}' may not be {what}. Modify its 'disableApiStop' instance attribute and try again.",
        )
    assert (aws.state("web-03"), aws.state("web-04")) == ("running", "running")
    aws.ec2.modify_instance_attribute(InstanceId=name, DisableApiStop={"Value": False})
    assert (
        aws.ec2.stop_instances(InstanceIds=[name])["StoppingInstances"][0]["CurrentState"]["Name"]
        == "stopping"
    )


def test_hibernation_needs_its_option_and_says_so_afterwards(aws: Aws) -> None:
    """EC2 API reference, StateReason and Error codes."""
    ids = aws.ids("dozing")
    assert one(aws, "dozing")["HibernationOptions"] == {"Configured": True}
    assert one(aws, "dozing")["StateReason"]["Code"] == "Client.UserInitiatedHibernate"
    wrong = refused(aws.ec2.stop_instances, InstanceIds=aws.ids("web-01"), Hibernate=True)
    assert wrong == "UnsupportedHibernationConfiguration"
    assert one(aws, "web-01")["HibernationOptions"] == {"Configured": False}
    aws.ec2.start_instances(InstanceIds=ids)
    eventually(lambda: aws.ping("dozing") == "Online")
    assert "StateReason" not in one(aws, "dozing")
    aws.fault("dozing", "hibernate_not_ready")
    code, message = said(aws.ec2.stop_instances, InstanceIds=ids, Hibernate=True)
    assert code == "UnsupportedOperation"
    assert "not ready to hibernate yet" in message
    aws.fault("dozing", "hibernate_not_ready", False)
    aws.ec2.stop_instances(InstanceIds=ids, Hibernate=True)
    eventually(lambda: aws.state("dozing") == "stopped")
    assert one(aws, "dozing")["StateReason"]["Code"] == "Client.UserInitiatedHibernate"
