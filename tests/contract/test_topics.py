"""The topic adapter against the simulated AWS: what is published arrives as it was said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from aws.errors import Missing
from aws.session import AwsCloud
from lab.server import LabServer
from lab.topics import QUEUE, topic_of
from tests.contract.lab.fleet import PORTAL, REGION, account, client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    fleet: dict[str, Any] = {"accounts": [account(PORTAL)], "defaults": {}, "hosts": []}
    with LabServer(fleet, tmp_path_factory.mktemp("topics"), 60.0) as running:
        yield running


@pytest.fixture
def cloud(server: LabServer, monkeypatch: pytest.MonkeyPatch) -> AwsCloud:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.scenario.portal_account)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    return AwsCloud({}, portal_region=REGION, endpoint_url=server.url)


def tell(cloud: AwsCloud, topic: str) -> str:
    return cloud.topics().publish(
        topic, title="Exception 12 NOT approved", body='{"schema": 1}', order="exception/12", token="one",
        attributes={"event": "exception.rejected", "account": [PORTAL], "application": []},
    )  # fmt: skip


def test_a_subscriber_reads_what_was_published(server: LabServer, cloud: AwsCloud) -> None:
    home = server.scenario.portal_account
    told = tell(cloud, topic_of(home))
    queue = client(server.url, "sqs", home, REGION)
    url = queue.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    (message,) = queue.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert told
    assert message["Body"] == '{"schema": 1}'
    said = message["MessageAttributes"]
    assert said["event"]["StringValue"] == "exception.rejected"
    assert json.loads(said["account"]["StringValue"]) == [PORTAL]
    assert "application" not in said  # SNS takes no empty list


def test_a_topic_that_is_not_there_is_missing(server: LabServer, cloud: AwsCloud) -> None:
    with pytest.raises(Missing, match="NotFound"):
        tell(cloud, f"{topic_of(server.scenario.portal_account)}-gone")
