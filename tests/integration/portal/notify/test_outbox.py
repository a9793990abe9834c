"""The outbox: never zero, twice only after a lost answer with the same id, in order per row, and an end with a name."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.audit.models import AuditEvent
from portal.notify import outbox
from portal.notify.models import Message
from portal.notify.outbox import TRIES, NotTaken, given_up, hand_over
from tests.cast import NOW

pytestmark = pytest.mark.django_db
FAR = timedelta(hours=2)


def kept(about: str = "exception/1", **facts: Any) -> Message:
    usual = {
        "channel": "post",
        "target": "there",
        "kind": "exception.approved",
        "title": "Approved",
        "body": "{}",
    }
    return Message.objects.create(**usual | facts, about=about, created_at=NOW, next_try_at=NOW)


class Target:
    """Takes what it is given, or answers as it was told to."""

    def __init__(self, *answers: NotTaken | None) -> None:
        self.answers, self.seen = list(answers), list[Message]()

    def __call__(self, message: Message) -> str:
        self.seen.append(message)
        if self.answers and (answer := self.answers.pop(0)):
            raise answer
        return f"receipt of {message.pk}"


def rounds(target: Target, count: int = 1, now: datetime = NOW) -> datetime:
    for at in range(count):
        hand_over("post", target, now=now + at * FAR)
    return now + count * FAR


def test_what_was_taken_is_not_sent_again() -> None:
    message, target = kept(), Target()
    rounds(target, 3)
    message.refresh_from_db()
    assert (message.tries, message.sent_at, message.receipt) == (1, NOW, f"receipt of {message.pk}")
    assert len(target.seen) == 1


def test_another_channel_s_rows_are_left_alone() -> None:
    kept(channel="other")
    target = Target()
    rounds(target)
    assert not target.seen


def test_a_refusal_waits_and_keeps_nobody_else_waiting() -> None:
    kept("exception/1"), kept("exception/2")
    target = Target(NotTaken("It said no."))
    rounds(target)
    assert [message.about for message in target.seen] == ["exception/1", "exception/2"]
    hand_over("post", target, now=NOW + timedelta(seconds=59))
    assert len(target.seen) == 2
    hand_over("post", target, now=NOW + timedelta(seconds=61))
    assert [message.about for message in target.seen][2:] == ["exception/1"]
    assert not Message.objects.filter(sent_at=None).exists()


def test_a_lost_answer_is_repeated_with_the_same_id_and_counted() -> None:
    message, target = kept(), Target(NotTaken("No answer.", arrived=True, silent=True))
    rounds(target, 2)
    assert {row.message_id for row in target.seen} == {message.message_id}
    message.refresh_from_db()
    assert (message.tries, message.unanswered) == (2, 1)


def test_a_silent_target_ends_the_round() -> None:
    kept("exception/1"), kept("exception/2")
    target = Target(NotTaken("No answer.", arrived=True, silent=True))
    rounds(target)
    assert len(target.seen) == 1


def test_messages_about_one_row_keep_their_order() -> None:
    first, second, other = kept(), kept(), kept("exception/2")
    target = Target(NotTaken("It said no."))
    rounds(target)
    assert [message.pk for message in target.seen] == [first.pk, other.pk]
    rounds(target, 2, NOW + FAR)
    assert [message.pk for message in target.seen][2:] == [first.pk, second.pk]


def test_the_last_try_is_told_and_lets_the_next_one_go() -> None:
    first, second = kept(), kept()
    target = Target(*[NotTaken("It said no.")] * TRIES)
    later = rounds(target, TRIES)
    assert list(given_up()) == [first]
    told = AuditEvent.objects.get(kind="notice.given_up").summary
    for words in ("Approved", "there", "It said no."):
        assert words in told
    rounds(target, 1, later)
    assert [message.pk for message in target.seen][TRIES:] == [second.pk]


def test_a_worker_that_dies_leaves_the_message_due() -> None:
    def dies(message: Message) -> str:
        raise KeyboardInterrupt

    message = kept()
    with pytest.raises(KeyboardInterrupt):
        hand_over("post", dies, now=NOW)
    message.refresh_from_db()
    assert message.tries == 1
    assert message.next_try_at == NOW + timedelta(minutes=1)
    target = Target()
    rounds(target, 1, NOW + FAR)
    assert [row.message_id for row in target.seen] == [message.message_id]


def test_two_workers_do_not_send_one_message_twice() -> None:
    message, target = kept(), Target()

    def meanwhile(row: Message) -> str:
        hand_over("post", target, now=NOW)
        return "taken"

    hand_over("post", meanwhile, now=NOW)
    message.refresh_from_db()
    assert not target.seen
    assert message.receipt == "taken"


def test_what_is_over_is_forgotten_and_what_waits_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    kept(), kept("exception/2")
    hand_over("post", Target(None, NotTaken("It said no.")), now=NOW)
    monkeypatch.setattr(outbox, "AT_ONCE", 0)
    hand_over("post", Target(), now=NOW + timedelta(days=91))
    assert list(Message.objects.values_list("about", flat=True)) == ["exception/2"]
