"""DescribeInstanceInformation (facts/aws.md §1.2, §1.3)."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.contract.lab.fleet import FAR, Aws, code


def test_stopped_and_agentless_instances_are_not_among_the_nodes(aws: Aws) -> None:
    rows = aws.ssm.describe_instance_information(MaxResults=50)["InstanceInformationList"]
    found = {row["InstanceId"]: row["PingStatus"] for row in rows}
    names = ("web-01", "web-02", "web-03", "web-04", "win", "imported", "old", "oldest")
    online = dict.fromkeys(aws.ids(*names), "Online")
    assert found == {**online, aws.id("silent"): "ConnectionLost"}
    by_id = {row["InstanceId"]: row for row in rows}
    assert by_id[aws.id("win")]["PlatformType"] == "Windows"
    web = by_id[aws.id("web-01")]
    assert (web["PlatformType"], web["PlatformVersion"]) == ("Linux", "12")
    assert web["PlatformName"].startswith("Debian")


def test_ten_a_page_unless_asked_fifty_at_most(aws: Aws) -> None:
    ssm = aws.client("ssm", region=FAR)
    first = ssm.describe_instance_information()
    assert len(first["InstanceInformationList"]) == 10
    pages = list(
        ssm.get_paginator("describe_instance_information").paginate(PaginationConfig={"PageSize": 50})
    )
    assert [len(page["InstanceInformationList"]) for page in pages] == [50]
    for size in (4, 51):
        with pytest.raises(ClientError) as caught:
            ssm.describe_instance_information(MaxResults=size)
        assert code(caught.value) == "ValidationException"


def test_filters(aws: Aws) -> None:
    def found(key: str, *values: str) -> list[str]:
        filters = [{"Key": key, "Values": list(values)}]
        answer = aws.ssm.describe_instance_information(Filters=filters)
        return [row["InstanceId"] for row in answer["InstanceInformationList"]]

    assert found("PingStatus", "ConnectionLost") == aws.ids("silent")
    assert sorted(found("PlatformTypes", "Windows")) == sorted(aws.ids("win", "imported"))
    assert found("InstanceIds", *aws.ids("web-02", "asleep-01")) == aws.ids("web-02")
    assert found("tag:Owner", "ana") == aws.ids("web-01", "web-02", "web-03", "web-04")


def test_an_absent_agent_leaves_the_list_and_comes_back(aws: Aws) -> None:
    aws.fault("web-01", "ssm_absent")
    assert aws.ping("web-01") == "absent"
    aws.fault("web-01", "ssm_absent", on=False)
    assert aws.ping("web-01") == "Online"


def test_each_node_has_its_agents_version(aws: Aws) -> None:
    filters = [{"Key": "AgentVersion", "Values": ["3.3.2745.9"]}]
    rows = aws.ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
    assert [(row["InstanceId"], row["AgentVersion"]) for row in rows] == [(aws.id("old"), "3.3.2745.9")]
