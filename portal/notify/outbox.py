"""Handing on what is kept for targets outside: never zero times, twice only after an answer that was lost.

A try is counted before it is made. A worker that dies in between leaves a row that is due again after its wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from portal.audit.operations import Entry, record
from portal.notify.models import Message

# The last of 12 tries comes about seven hours after the first.
TRIES, FIRST_WAIT, LONGEST_WAIT = 12, timedelta(minutes=1), timedelta(hours=1)
AT_ONCE, ROUND_S = 200, 20.0  # messages, and seconds: a round ends before the first wait of its own rows
KEPT = timedelta(days=90)
FORGOTTEN_AT_ONCE = 500
log = structlog.get_logger(__name__)


class NotTaken(Exception):
    """The target did not take it. `arrived`: it may have, all the same. `silent`: others need not be tried now."""

    def __init__(self, sentence: str, *, arrived: bool = False, silent: bool = False) -> None:
        super().__init__(sentence)
        self.sentence, self.arrived, self.silent = sentence, arrived, silent


HandOver = Callable[[Message], str]


def hand_over(channel: str, send: HandOver, *, now: datetime) -> None:
    """One round: tries what is due. `send` returns what the target calls the message; raises NotTaken."""
    _forget(channel, now)
    until = time.monotonic() + ROUND_S
    for message in _due(channel, now)[:AT_ONCE]:
        if time.monotonic() > until:
            return
        if _claimed(message, now) and not _tried(message, send, now):
            return


def given_up() -> QuerySet[Message]:
    """Dead letters, the newest first."""
    return Message.objects.filter(next_try_at=None, sent_at=None).order_by("-pk")


def _due(channel: str, now: datetime) -> QuerySet[Message]:
    """Of the messages about one row only the first that waits."""
    waiting = Message.objects.filter(channel=channel, next_try_at__isnull=False)
    before = waiting.filter(about=OuterRef("about"), target=OuterRef("target"), pk__lt=OuterRef("pk"))
    return waiting.filter(~Exists(before), next_try_at__lte=now).order_by("next_try_at", "pk")


def _claimed(message: Message, now: datetime) -> bool:
    """Counts the try before it is made; False where another worker was first."""
    again = now + min(FIRST_WAIT * 2**message.tries, LONGEST_WAIT)
    mine = Message.objects.filter(pk=message.pk, next_try_at=message.next_try_at)
    return bool(mine.update(tries=F("tries") + 1, next_try_at=again))


def _tried(message: Message, send: HandOver, now: datetime) -> bool:
    """False where the target does not answer at all: the others wait for the next round."""
    rows = Message.objects.filter(pk=message.pk)
    try:
        receipt = send(message)
    except NotTaken as why:
        log.warning("message_not_taken", message=message.pk, channel=message.channel, error=why.sentence)
        rows.update(error=why.sentence, unanswered=F("unanswered") + int(why.arrived))
        _give_up_after_the_last(message, why.sentence)
        return not why.silent
    rows.update(next_try_at=None, sent_at=now, receipt=receipt[:200], error="")
    return True


@transaction.atomic
def _give_up_after_the_last(message: Message, why: str) -> None:
    if message.tries + 1 < TRIES:
        return
    if Message.objects.filter(pk=message.pk, sent_at=None).update(next_try_at=None):
        summary = (
            f"Given up after {TRIES} tries: “{message.title}” by {message.channel} to {message.target}. {why}"
        )
        record(Entry("notice.given_up", "notice", str(message.pk), summary), by=None)


def _forget(channel: str, now: datetime) -> None:
    old = Message.objects.filter(channel=channel, created_at__lt=now - KEPT, next_try_at=None)
    Message.objects.filter(pk__in=old.order_by("pk").values("pk")[:FORGOTTEN_AT_ONCE]).delete()
