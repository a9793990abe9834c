"""SNS behind `aws.ports.Topics`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from aws.calls import Calls
from aws.iam import iam

FIFO = ".fifo"


class SnsAdapter:
    """Topics in the portal's region, named by their ARN."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("sns:Publish")
    def publish(
        self, topic: str, *, title: str, body: str, attributes: Mapping[str, str | Sequence[str]],
        order: str, token: str,
    ) -> str:  # fmt: skip
        """One attempt, which ends within seconds; SNS's id of the message.

        A FIFO topic keeps messages of one `order` in order, and drops a repeat of `token` for five minutes.
        """
        fifo = {"MessageGroupId": order, "MessageDeduplicationId": token} if topic.endswith(FIFO) else {}
        named = {name: _attribute(value) for name, value in attributes.items() if value}
        answer = self._calls.call_briefly(
            "Publish", TopicArn=topic, Subject=title, Message=body, MessageAttributes=named, **fifo
        )
        return str(answer["MessageId"])


def _attribute(value: str | Sequence[str]) -> dict[str, str]:
    if isinstance(value, str):
        return {"DataType": "String", "StringValue": value}
    return {"DataType": "String.Array", "StringValue": json.dumps(list(value))}
