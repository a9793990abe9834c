"""Messages of the events queue that nobody can read: each is logged, deleted, and stops nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from aws.ports import QueueMessage
from patching.engine import hints

URL = "https://queue"
EVENT = '{"source":"aws.ssm","detail-type":"EC2 Command Status-change Notification","detail":%s}'
POISON = (
    "", "null", "7", "[]", '"text"', "{", "\x00", '{"a":"\ud800"}', "[" * 100_000, '{"source":' * 20_000,
    "1" * 5_000, "NaN", EVENT % "null", EVENT % "[]", EVENT % '{"status":[],"command-id":"c"}',
    EVENT % '{"status":{"a":1},"command-id":"c"}', EVENT % '{"status":"Success"}', EVENT % "1e999",
    EVENT % ('{"status":"Success","command-id":' + "1" * 4_999 + "}"),
)  # fmt: skip


class Waiting:
    """A queue that gives each message until it is deleted, as SQS does."""

    def __init__(self, bodies: Sequence[str]) -> None:
        self.left = {str(number): body for number, body in enumerate(bodies)}

    def receive(self, url: str, *, wait_s: int) -> list[QueueMessage]:
        return [QueueMessage(*item) for item in list(self.left.items())[:10]]

    def delete(self, url: str, receipts: Sequence[str]) -> None:
        for receipt in receipts:
            del self.left[receipt]


def test_poison_is_taken_off_the_queue_and_the_good_ones_between_it_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: set[str] = set()
    monkeypatch.setattr(hints, "make_due", lambda ids, now: seen.update(ids))
    good = [EVENT % f'{{"status":"Success","command-id":"good-{number}"}}' for number in range(3)]
    queue = Waiting([good[0], *POISON[:9], good[1], *POISON[9:], good[2]])
    assert hints.consume(queue, URL, clock=lambda: datetime(2026, 12, 5, tzinfo=UTC)) == len(POISON) + 3
    assert not queue.left
    assert {"good-0", "good-1", "good-2"} <= seen


def test_a_queue_that_never_empties_ends_the_task_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "make_due", lambda ids, now: None)
    queue = Waiting(["x"] * 10)
    queue.delete = lambda url, receipts: None  # type: ignore[method-assign]
    read = hints.consume(queue, URL, clock=lambda: datetime(2026, 12, 5, tzinfo=UTC))
    assert read == hints.MOST_BATCHES * 10
