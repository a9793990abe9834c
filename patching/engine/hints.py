"""EventBridge's status changes, read from SQS: hints that a run is worth reconciling now. The sweep is the truth.

A hint changes no result: it only makes a run due. So a doubled, late, lost or reordered one is harmless, and a message
that nobody can read is logged and deleted: it would be as unreadable next time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import structlog

from aws.command_status import is_over
from aws.plain import plain
from aws.ports import Queue
from patching.operations.hints import make_due
from portal.clock import Clock

log = structlog.get_logger(__name__)
KINDS = {
    "EC2 Command Invocation Status-change Notification",
    "EC2 Command Status-change Notification",
}
MOST_BATCHES = 200  # of one task: 2,000 messages
LONGEST = timedelta(seconds=5)  # of one task: the next tick goes on


def consume(queue: Queue, url: str, *, clock: Clock, wait_s: int = 1) -> int:
    """Reads until the queue is empty or the task has done its share, seconds; returns the messages read.

    A message is deleted after its hint is committed, so a worker that dies in between leaves it to the next.
    """
    read, until = 0, clock() + LONGEST
    for _ in range(MOST_BATCHES):
        if clock() >= until:
            break
        messages = queue.receive(url, wait_s=wait_s)
        if not messages:
            break
        make_due(command_ids(message.body for message in messages), now=clock())
        queue.delete(url, [message.receipt for message in messages])
        read += len(messages)
    return read


def command_ids(bodies: Iterable[str]) -> set[str]:
    """The commands that ended, or ended on a host, according to these events."""
    return {found for body in bodies if (found := _command_id(body))}


def _command_id(body: str) -> str:
    try:
        return _ended(json.loads(body))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        log.warning("event_unreadable", error=repr(error), body=plain(body[:500]))
        return ""


def _ended(event: dict[str, Any]) -> str:
    """The command id, or nothing for a foreign event and for a change that brings no result yet."""
    if event["source"] != "aws.ssm" or event["detail-type"] not in KINDS:
        return ""
    detail = event["detail"]
    return str(detail["command-id"]) if is_over(detail["status"]) else ""
