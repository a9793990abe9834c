"""Status changes as EventBridge events in an SQS queue (facts/aws.md §1.2)."""

from __future__ import annotations

import json

from tests.contract.lab.fleet import PORTAL, REGION, Aws, eventually


def test_status_changes_reach_a_queue(aws: Aws) -> None:
    sqs, events = aws.client("sqs"), aws.client("events")
    queue = sqs.create_queue(QueueName="ssm-events")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{PORTAL}:ssm-events"
    pattern = {"source": ["aws.ssm"], "detail-type": ["EC2 Command Invocation Status-change Notification"]}
    events.put_rule(Name="ssm", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="ssm", Targets=[{"Id": "queue", "Arn": arn}])
    command_id = aws.send(aws.ids("web-01"), "true")
    seen: list[dict] = []

    def success() -> bool:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        seen.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return any(event["detail"]["status"] == "Success" for event in seen)

    eventually(success)
    event = seen[-1]
    assert [one["detail"]["status"] for one in seen] == ["InProgress", "Success"]
    assert (event["account"], event["region"], event["source"]) == (PORTAL, REGION, "aws.ssm")
    assert event["resources"] == [f"arn:aws:ec2:{REGION}:{PORTAL}:instance/{aws.id('web-01')}"]
    assert event["detail"]["command-id"] == command_id
    assert event["detail"]["instance-id"] == aws.id("web-01")
    assert event["detail"]["document-name"] == "Test-Doc"
