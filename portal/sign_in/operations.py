"""People and what they may do: every change is an admin's, audited, and never leaves the portal without an admin."""

from __future__ import annotations

import re
import secrets
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from portal.access.models import Grant, User
from portal.access.queries import people_with
from portal.access.rules import Conflict, Denied, Invalid, check_role
from portal.access.states import Dimension, Role
from portal.audit.operations import Entry, record

# Without letters and digits that look alike; 20 of them are about 98 bits.
LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
PASSWORD_LENGTH = 20
# These two read and rule across every list, so a part of the fleet would be a promise that is not kept.
WHOLE_FLEET = (Role.ADMIN, Role.AUDITOR)


@transaction.atomic
def add_person(*, username: str, name: str, email: str, by: User, now: datetime) -> tuple[User, str]:
    """A person without any right yet, and the first password, which is shown once and stored only as a hash."""
    check_role(by, Role.ADMIN)
    _check_person(username, email)
    first, _, last = name.strip().partition(" ")
    person = User(username=username, email=email, first_name=first[:150], last_name=last[:150])
    password = _new_password()
    person.set_password(password)
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError as error:
        raise Conflict(f"Somebody added {username!r} at the same moment. Look at the list.") from error
    record(_entry("added", person, f"Added {person.display_name} ({username})"), by=by)
    return person, password


def _check_person(username: str, email: str) -> None:
    if not re.fullmatch(r"[\w.@+-]{1,150}", username):
        raise Invalid(
            f"The user name {username!r} may hold letters, digits and @ . + - _ only.", field="username"
        )
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(f"{email!r} is not an e-mail address, e.g. ana@example.com.", field="email") from error
    if User.objects.filter(username__iexact=username).exists():
        raise Invalid(f"The user name {username!r} is taken. Choose another.", field="username")
    if User.objects.filter(email__iexact=email).exists():
        raise Invalid(f"Somebody signs in with {email} already. Look them up in the list.", field="email")


def _new_password() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(PASSWORD_LENGTH))


@transaction.atomic
def new_password(*, person: User, by: User, now: datetime) -> str:
    """Replaces a forgotten password and ends the person's sessions. Shown once."""
    check_role(by, Role.ADMIN)
    password = _new_password()
    person.set_password(password)
    person.save(update_fields=["password"])
    record(_entry("password", person, f"Gave {person.display_name} a new password"), by=by)
    return password


@transaction.atomic
def give(*, person: User, role: str, dimension: str, value: str, by: User, now: datetime) -> Grant:
    """The role over the servers whose dimension is the value."""
    check_role(by, Role.ADMIN)
    value = value.strip()
    _check_scope(role, dimension, value)
    grant, new = Grant.objects.get_or_create(user=person, role=role, dimension=dimension, value=value)
    if not new:
        raise Conflict(f"{person.display_name} has this right already.")
    record(_entry("granted", person, f"{person.display_name} is now {words(grant)}"), by=by)
    return grant


def _check_scope(role: str, dimension: str, value: str) -> None:
    if role not in Role or dimension not in Dimension:
        raise Invalid(f"There is no role {role!r} over {dimension!r}. Choose from the lists.", field="role")
    if dimension == Dimension.EVERYTHING and value:
        raise Invalid(f"Everything has no name, but {value!r} was given. Leave it empty.", field="value")
    if dimension != Dimension.EVERYTHING and not value:
        label = Dimension(dimension).label.lower()
        raise Invalid(f"Say which {label}, as its tag on the servers says it.", field="value")
    if role in WHOLE_FLEET and dimension != Dimension.EVERYTHING:
        label = Role(role).label.lower()
        raise Invalid(f"A {label} covers the whole fleet: choose Everything.", field="dimension")


@transaction.atomic
def take(*, grant: Grant, by: User, now: datetime) -> None:
    """Takes a right away. Raises Denied for the last admin's own."""
    check_role(by, Role.ADMIN)
    person = grant.user
    if grant.role == Role.ADMIN:
        _check_another_admin(person)
    gone, _ = Grant.objects.filter(pk=grant.pk).delete()
    if not gone:
        raise Conflict("Somebody took this right away already.")
    record(_entry("revoked", person, f"{person.display_name} is no longer {words(grant)}"), by=by)


@transaction.atomic
def set_active(*, person: User, active: bool, by: User, now: datetime) -> None:
    """Lets a person in, or shuts them out at once. What they did stays."""
    check_role(by, Role.ADMIN)
    if not active:
        _check_another_admin(person)
    if not User.objects.filter(pk=person.pk, is_active=not active).update(is_active=active):
        raise Conflict(f"{person.display_name} is {'active' if active else 'shut out'} already.")
    what = "may sign in again" if active else "may no longer sign in"
    record(_entry("let_in" if active else "shut_out", person, f"{person.display_name} {what}"), by=by)


def _check_another_admin(person: User) -> None:
    """The lock makes two admins who remove each other wait for one another; only the read after it counts."""
    list(Grant.objects.select_for_update().filter(role=Role.ADMIN).order_by("pk"))
    if [admin.pk for admin in people_with(Role.ADMIN)] == [person.pk]:
        raise Denied(
            f"{person.display_name} is the last patch admin. Make somebody else one first, "
            "or nobody could rule the portal."
        )


def words(grant: Grant) -> str:
    """E.g. `asset owner of application payments`."""
    role, over = Role(grant.role).label.lower(), Dimension(grant.dimension).label.lower()
    return f"{role} of {over} {grant.value}".rstrip()


def _entry(what: str, person: User, summary: str) -> Entry:
    return Entry(f"person.{what}", "person", str(person.pk), summary)
