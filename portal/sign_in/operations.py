"""Passwords: an admin's new one, shown once, and the person's own. Every change is audited and the person is told."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.db import transaction

from portal.access.models import User
from portal.access.rules import check_role
from portal.access.states import Role
from portal.audit.operations import Entry, record
from portal.notify.operations import notify

# Without letters and digits that look alike; 20 of them are about 98 bits.
LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
PASSWORD_LENGTH = 20


def random_password() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(PASSWORD_LENGTH))


@transaction.atomic
def new_password(*, person: User, by: User, now: datetime) -> str:
    """Replaces a forgotten password and ends the person's sessions. Shown once."""
    check_role(by, Role.ADMIN)
    password = random_password()
    _store_password(person, password, must_change=True)
    record(person_entry("password", person, f"Gave {person.display_name} a new password"), by=by)
    said = f"{by.display_name} gave you a new password. At your next sign-in you choose one of your own."
    notify("person.password", person, said=said)
    return password


@transaction.atomic
def choose_password(*, person: User, password: str, by_link: bool, now: datetime) -> None:
    """The person's own new password, chosen while signed in or by the link of an e-mail. Other sessions end."""
    _store_password(person, password, must_change=False)
    what, how = ("reset", "by a link sent by e-mail") if by_link else ("changed", "while signed in")
    entry = person_entry(f"password_{what}", person, f"{person.display_name} chose a new password {how}")
    record(entry, by=person)
    said = f"Your password was changed {how}."
    notify("person.password_reset" if by_link else "person.password_changed", person, said=said)


def _store_password(person: User, password: str, *, must_change: bool) -> None:
    person.set_password(password)
    person.must_change_password = must_change
    person.save(update_fields=["password", "must_change_password"])


def person_entry(what: str, person: User, summary: str, detail: dict[str, Any] | None = None) -> Entry:
    return Entry(f"person.{what}", "person", str(person.pk), summary, detail=detail or {})
