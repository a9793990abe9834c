"""Notifying people, inside the transaction of what they are told about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from portal.access.models import User
from portal.isolation import isolated
from portal.notify.channels import channels
from portal.notify.delivery import Delivery
from portal.notify.kinds import kind_of
from portal.notify.models import Notification


def notify(
    name: str, about: Any, *, said: str, by: User | None = None, to: Iterable[str] = (), also_at: str = ""
) -> None:
    """Whom the kind of this name tells, but never `by`; `to` takes the place of the kind's own words for people.

    Raises KindError for a name that no app declares.
    """
    kind = kind_of(name)
    sentence = kind.sentence(about, said, by)
    if not sentence:
        return
    people = {user for word in tuple(to) or kind.notifies for user in kind.people(about, word)} - {by}
    chosen = tuple(sorted(people, key=lambda user: user.pk))
    event = partial(kind.event, about) if kind.event else None
    delivery = Delivery(kind, chosen, sentence, kind.link(about), also_at, event)
    for channel in channels():
        channel.keep(delivery)


def send_due(*, now: datetime) -> None:
    """One channel that fails never keeps the others from their turn."""
    for channel in channels():
        with isolated("channel_not_served", channel=type(channel).__name__):
            channel.send_due(now=now)


def mark_read(*, by: User, now: datetime) -> int:
    return Notification.objects.filter(user=by, read_at=None).update(read_at=now)
