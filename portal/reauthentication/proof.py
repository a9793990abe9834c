"""When it was last shown that whoever sits there is the person who signed in."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

PROVEN_AT = "proven_at"  # in the session: seconds since 1970


def prove(session: SessionBase, *, at: datetime) -> None:
    session[PROVEN_AT] = at.timestamp()


def is_fresh(session: SessionBase, *, now: datetime) -> bool:
    at = session.get(PROVEN_AT)
    return at is not None and is_recent(datetime.fromtimestamp(at, tz=UTC), now=now)


def is_recent(at: datetime, *, now: datetime) -> bool:
    return (now - at).total_seconds() < settings.REAUTHENTICATION_SECONDS
