"""Sessions: how long each may last by the roles of its person, where a person is signed in, and how that ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from portal.access.models import User
from portal.access.queries import read_grants_once
from portal.audit.operations import Entry, record
from portal.sign_in.models import OpenSession

TIMES = "began_and_seen"  # in the session: seconds since 1970
KEY = "listed_as"  # in the session: its own key when its row was written
SEEN_EVERY_S = 60
SHOWN = 50
IDLE = "You were signed out because nothing was done here for {length}. Sign in again."
LONG = "You were signed out because sessions of your roles last {length}. Sign in again."


@dataclass(frozen=True)
class Limits:
    """After `idle` without a request, and after `absolute` in any case, a session is over."""

    idle: timedelta
    absolute: timedelta


def limits_of(person: User) -> Limits:
    """The strictest of the person's roles; those of an owner for who has none."""
    read_grants_once(person)
    roles = {grant.role for grant in person.grants.all()} or {"owner"}
    found = [settings.SESSION_LIMITS[role] for role in roles]
    return Limits(min(idle for idle, _ in found), min(absolute for _, absolute in found))


def begin(session: SessionBase, person: User, *, source: str, browser: str, now: datetime) -> None:
    """Called with each sign-in. The session itself bears its times, so that a page asks for them at no cost."""
    session[TIMES] = [now.timestamp(), now.timestamp()]
    if session.session_key is None:  # that of somebody else was thrown away for this one
        session.save()
    session[KEY] = session.session_key
    facts = {"person": person, "began_at": now, "seen_at": now, "source": source, "browser": browser}
    OpenSession.objects.update_or_create(session_key=session.session_key, defaults=facts)
    longest = max(absolute for _, absolute in settings.SESSION_LIMITS.values())
    OpenSession.objects.filter(person=person, began_at__lt=now - longest).delete()


def follow(session: SessionBase) -> None:
    """Django gives a session another key when its person chooses another password."""
    if session[KEY] != session.session_key:
        OpenSession.objects.filter(session_key=session[KEY]).update(session_key=session.session_key)
        session[KEY] = session.session_key


def over(session: SessionBase, person: User, *, now: datetime) -> str:
    """The sentence that the person reads where the session is over; '' while it is not."""
    began, seen = (datetime.fromtimestamp(at, tz=UTC) for at in session[TIMES])
    limits = limits_of(person)
    if now - began >= limits.absolute:
        return LONG.format(length=_words(limits.absolute))
    return IDLE.format(length=_words(limits.idle)) if now - seen >= limits.idle else ""


def seen(session: SessionBase, *, source: str, browser: str, now: datetime) -> None:
    """Notes, to the minute, that the session is in use."""
    began, last = session[TIMES]
    if now.timestamp() - last >= SEEN_EVERY_S:
        session[TIMES] = [began, now.timestamp()]
        facts = {"seen_at": now, "source": source, "browser": browser}
        OpenSession.objects.filter(session_key=session.session_key).update(**facts)


def of(person: User) -> list[OpenSession]:
    """Those that are still open, the last used first."""
    rows = list(person.open_sessions.order_by("-seen_at", "pk")[:SHOWN])
    store = _store()
    return [row for row in rows if store.exists(row.session_key)]


def forget(session: SessionBase, person: User, *, why: str) -> None:
    """Ends the row of the session that is asked with; the session itself is its caller's to end."""
    for row in OpenSession.objects.filter(session_key=session.session_key, person=person):
        end(row, by=None, why=why)


@transaction.atomic
def end(row: OpenSession, *, by: User | None, why: str) -> None:
    """Signs that browser out, whatever it does next."""
    OpenSession.objects.filter(pk=row.pk).delete()
    _store().delete(row.session_key)
    whom = row.person.display_name
    summary = (
        f"Ended the session of {whom} at {row.source} that began {row.began_at:%Y-%m-%d %H:%M} UTC: {why}"
    )
    record(Entry("sign_in.session_ended", "sign_in", str(row.person_id), summary), by=by)


def end_all(person: User, *, by: User | None, why: str) -> int:
    """Ends every session of the person that is known; returns how many."""
    rows = list(person.open_sessions.select_related("person"))
    for row in rows:
        end(row, by=by, why=why)
    return len(rows)


def _store() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore()


def _words(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0 and minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{minutes} minutes"
