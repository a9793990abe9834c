"""SQS behind `aws.ports.Queue`."""

from __future__ import annotations

from collections.abc import Sequence

from aws.calls import Calls
from aws.iam import iam
from aws.ports import QueueMessage

MESSAGES_PER_CALL = 10


class SqsAdapter:
    """Queues in the portal's own account, named by their URL."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("sqs:ReceiveMessage")
    def receive(self, url: str, *, wait_s: int) -> list[QueueMessage]:
        """Up to ten messages, hidden from other readers for a while. Raises Missing without a queue."""
        answer = self._calls.call_briefly(
            "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=MESSAGES_PER_CALL, WaitTimeSeconds=wait_s
        )
        return [QueueMessage(row["ReceiptHandle"], row.get("Body", "")) for row in answer.get("Messages", ())]

    @iam("sqs:DeleteMessage")
    def delete(self, url: str, receipts: Sequence[str]) -> None:
        """Take messages off the queue. One that AWS could not delete comes again."""
        for first in range(0, len(receipts), MESSAGES_PER_CALL):
            some = receipts[first : first + MESSAGES_PER_CALL]
            entries = [{"Id": str(at), "ReceiptHandle": receipt} for at, receipt in enumerate(some)]
            self._calls.call_briefly("DeleteMessageBatch", QueueUrl=url, Entries=entries)
