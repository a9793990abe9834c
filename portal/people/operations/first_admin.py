"""The first patch admin, and the rescue of one who cannot get in: acts of whoever runs the server, not of a person.

Both are refused to nobody who may run `manage.py`: they could change the tables by hand. Both are audited as the
portal's own, and every admin who is left is told.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from portal.access.models import Grant, User
from portal.access.queries import an_admin_is_left
from portal.access.rules import Conflict, Invalid
from portal.access.states import Dimension, Role
from portal.audit.operations import Entry, record
from portal.notify.operations import notify
from portal.people.models import FirstAdminLink
from portal.people.operations.people import save_new, unsaved
from portal.second_factor.operations import forget_all
from portal.sign_in.operations import person_entry, random_password

LINK_LASTS = timedelta(hours=24)
ON_THE_SERVER = "on the server's command line"
BY_THE_LINK = "by the link for the first admin"
THERE_IS_ONE = "This portal has a patch admin already. Sign in, or ask them."
OVER = (
    "This link has been used, or it is over. Whoever runs the server gets a new one from script/serve or "
    "manage.py first_admin --link, or makes an admin with manage.py first_admin NAME."
)


@transaction.atomic
def make_link(*, now: datetime) -> str:
    """The token of a new link; links made before end. Raises Conflict while there is an admin."""
    _check_nobody_rules()
    FirstAdminLink.objects.filter(used_at=None, ends_at__gt=now).update(ends_at=now)
    token = secrets.token_urlsafe(32)
    link = FirstAdminLink.objects.create(token_sha256=_hash(token), made_at=now, ends_at=now + LINK_LASTS)
    summary = f"Made a link for the first patch admin, good until {link.ends_at:%Y-%m-%d %H:%M} UTC"
    record(Entry("person.first_admin_link", "first_admin_link", str(link.pk), summary), by=None)
    return token


def check_link(token: str, *, now: datetime) -> None:
    """Raises Conflict where the link is unknown, used or over, or an admin is there already."""
    _check_nobody_rules()
    _open_link(FirstAdminLink.objects.all(), token, now)


@transaction.atomic
def use_link(*, token: str, username: str, name: str, email: str, password: str, now: datetime) -> User:
    """The first admin, who chose name and password themselves. The row's lock lets one of two at once through."""
    link = _open_link(FirstAdminLink.objects.select_for_update(), token, now)
    _check_nobody_rules()
    person = unsaved(username=username, name=name, email=email)
    _check_password(password, person)
    person.set_password(password)
    save_new(person)
    record(person_entry("added", person, f"Added {person.display_name} ({username}) {BY_THE_LINK}"), by=None)
    _let_rule(person, BY_THE_LINK)
    FirstAdminLink.objects.filter(pk=link.pk).update(used_at=now)
    return person


@transaction.atomic
def make_or_rescue(*, username: str, email: str = "") -> tuple[User, str]:
    """The person of this name as a patch admin who may sign in, and a password to replace at the first sign-in.

    Whoever has the name keeps all else that they have: address, grants, what they did. Raises Invalid.
    """
    known = User.objects.select_for_update().filter(username__iexact=username).first()
    if known and email:
        raise Invalid(
            f"{known.username} is there already and keeps the address that they have.", field="email"
        )
    person = known or unsaved(username=username, name=username, email=email)
    password = random_password()
    person.set_password(password)
    person.must_change_password, person.is_active = True, True
    if known:
        person.save(update_fields=["password", "must_change_password", "is_active"])
        lost = ", took their second factor away" if forget_all(person) else ""
        said = f"Gave {person.display_name} a new password{lost} and let them in {ON_THE_SERVER}"
    else:
        save_new(person)
        said = f"Added {username} {ON_THE_SERVER}"
    record(person_entry("password" if known else "added", person, said), by=None)
    _let_rule(person, ON_THE_SERVER)
    return person, password


def _let_rule(person: User, how: str) -> None:
    """Grants the role unless they have it; every admin, the person too, is told."""
    _, new = Grant.objects.get_or_create(
        user=person, role=Role.ADMIN, dimension=Dimension.EVERYTHING, value=""
    )
    said = f"{person.display_name} was {'made patch admin' if new else 'let in again as patch admin'} {how}"
    record(person_entry("first_admin", person, said), by=None)
    notify("person.first_admin", person, said=f"{said}.")


def _open_link(links: QuerySet[FirstAdminLink], token: str, now: datetime) -> FirstAdminLink:
    link = links.filter(token_sha256=_hash(token), used_at=None, ends_at__gt=now).first()
    if link is None:
        raise Conflict(OVER)
    return link


def _check_nobody_rules() -> None:
    if an_admin_is_left():
        raise Conflict(THERE_IS_ONE)


def _check_password(password: str, person: User) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from error


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
