"""People and what they may do: every change is an admin's, audited, and never leaves the portal without an admin."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q

from portal.access.models import Grant, User
from portal.access.queries import people_with
from portal.access.rules import Conflict, Denied, Invalid, check_role
from portal.access.states import Dimension, Role
from portal.audit.operations import Entry, record
from portal.sign_in.notices import tell_person

# Without letters and digits that look alike; 20 of them are about 98 bits.
LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
PASSWORD_LENGTH = 20
# These two read and rule across every list, so a part of the fleet would be a promise that is not kept.
WHOLE_FLEET = (Role.ADMIN, Role.AUDITOR)


@transaction.atomic
def add_person(*, username: str, name: str, email: str, by: User, now: datetime) -> tuple[User, str]:
    """A person without any right yet, and the first password, which is shown once and stored only as a hash."""
    check_role(by, Role.ADMIN)
    email = email.strip().lower()
    _check_username(username)
    _check_email(email)
    first, last = _names(name)
    person = User(username=username, email=email, first_name=first, last_name=last, must_change_password=True)
    password = _new_password()
    person.set_password(password)
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError as error:
        raise Conflict(f"Somebody added {username!r} at the same moment. Look at the list.") from error
    record(_entry("added", person, f"Added {person.display_name} ({username})"), by=by)
    return person, password


def _names(name: str) -> tuple[str, str]:
    first, _, last = name.strip().partition(" ")
    return first[:150], last[:150]


def _check_username(username: str) -> None:
    if not re.fullmatch(r"[\w.@+-]{1,150}", username):
        raise Invalid(
            f"The user name {username!r} may hold letters, digits and @ . + - _ only.", field="username"
        )
    if User.objects.filter(Q(username__iexact=username) | Q(email__iexact=username)).exists():
        raise Invalid(f"Somebody signs in with {username!r} already. Choose another.", field="username")


def _check_email(email: str, *, person: User | None = None) -> None:
    """An address that nobody else signs in with, be it as their user name."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(f"{email!r} is not an e-mail address, e.g. ana@example.com.", field="email") from error
    others = User.objects.exclude(pk=person.pk) if person else User.objects.all()
    if others.filter(Q(username__iexact=email) | Q(email__iexact=email)).exists():
        raise Invalid(f"Somebody signs in with {email} already. Look them up in the list.", field="email")


def _new_password() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(PASSWORD_LENGTH))


@transaction.atomic
def change_person(*, person: User, name: str, email: str, by: User, now: datetime) -> None:
    """Another name or e-mail address. The person is told at both addresses; links sent to the old one end."""
    check_role(by, Role.ADMIN)
    person = User.objects.select_for_update().get(pk=person.pk)
    changed = _changed(person, name=" ".join(name.split()), email=email.strip().lower())
    _save_changed(person)
    sentence = ", ".join(f"{field} {old or 'none'} → {new}" for field, (old, new) in changed.items())
    record(_entry("changed", person, f"Changed {person.username}: {sentence}", {"changed": changed}), by=by)
    if "email" in changed:
        old, new = changed["email"]
        said = f"{by.display_name} changed your e-mail address from {old or 'none'} to {new}."
        tell_person(person, "person.changed", said, now=now, old_address=old)


def _changed(person: User, *, name: str, email: str) -> dict[str, list[str]]:
    """Sets what differs on the person, unsaved: field → [old, new]. Raises Invalid."""
    pairs = {"name": [person.get_full_name(), name], "email": [person.email, email]}
    changed = {field: [old, new] for field, (old, new) in pairs.items() if old != new}
    if not changed:
        raise Invalid("Nothing differs from what is stored. Change the name or the address.", field="name")
    if "email" in changed:
        _check_email(email, person=person)
    person.email, (person.first_name, person.last_name) = email, _names(name)
    return changed


def _save_changed(person: User) -> None:
    """The addresses that allauth keeps for itself are thrown away: it makes them anew from the person's own."""
    try:
        with transaction.atomic():
            person.save(update_fields=["first_name", "last_name", "email"])
    except IntegrityError as error:
        raise Conflict(f"Somebody was given {person.email} at the same moment. Look at the list.") from error
    EmailAddress.objects.filter(user=person).delete()


@transaction.atomic
def new_password(*, person: User, by: User, now: datetime) -> str:
    """Replaces a forgotten password and ends the person's sessions. Shown once."""
    check_role(by, Role.ADMIN)
    password = _new_password()
    _store_password(person, password, must_change=True)
    record(_entry("password", person, f"Gave {person.display_name} a new password"), by=by)
    said = f"{by.display_name} gave you a new password. At your next sign-in you choose one of your own."
    tell_person(person, "person.password", said, now=now)
    return password


@transaction.atomic
def choose_password(*, person: User, password: str, by_link: bool, now: datetime) -> None:
    """The person's own new password, chosen while signed in or by the link of an e-mail. Other sessions end."""
    _store_password(person, password, must_change=False)
    what, how = ("reset", "by a link sent by e-mail") if by_link else ("changed", "while signed in")
    entry = _entry(f"password_{what}", person, f"{person.display_name} chose a new password {how}")
    record(entry, by=person)
    tell_person(person, entry.kind, f"Your password was changed {how}.", now=now)


def _store_password(person: User, password: str, *, must_change: bool) -> None:
    person.set_password(password)
    person.must_change_password = must_change
    person.save(update_fields=["password", "must_change_password"])


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
    tell_person(person, "person.granted", f"{by.display_name} made you {words(grant)}.", now=now)
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
    tell_person(
        person, "person.revoked", f"{by.display_name} took a right from you: {words(grant)}.", now=now
    )


@transaction.atomic
def set_active(*, person: User, active: bool, by: User, now: datetime) -> None:
    """Lets a person in, or shuts them out at once. What they did stays."""
    check_role(by, Role.ADMIN)
    if not active:
        _check_another_admin(person)
    if not User.objects.filter(pk=person.pk, is_active=not active).update(is_active=active):
        raise Conflict(f"{person.display_name} is {'active' if active else 'shut out'} already.")
    what = "may sign in again" if active else "may no longer sign in"
    entry = _entry("let_in" if active else "shut_out", person, f"{person.display_name} {what}")
    record(entry, by=by)
    tell_person(person, entry.kind, f"{by.display_name} decided that you {what}.", now=now)


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


def _entry(what: str, person: User, summary: str, detail: dict[str, Any] | None = None) -> Entry:
    return Entry(f"person.{what}", "person", str(person.pk), summary, detail=detail or {})
