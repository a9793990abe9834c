"""Telling people, inside the transaction of what they are told about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from portal.access.models import User
from portal.notify.models import Notification


def tell(people: Iterable[User], *, kind: str, sentence: str, url: str = "") -> None:
    Notification.objects.bulk_create(
        Notification(user=person, kind=kind, sentence=sentence, url=url) for person in people
    )


def mark_read(*, by: User, now: datetime) -> int:
    return Notification.objects.filter(user=by, read_at=None).update(read_at=now)
