"""People: every change is an admin's, audited, and never leaves the portal without an admin."""

from __future__ import annotations

import re
from datetime import datetime

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q

from portal.access.models import User
from portal.access.queries import an_admin_is_left, has_role
from portal.access.rules import Conflict, Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import record
from portal.notify.operations import notify
from portal.people.models import WaitingGrant
from portal.sign_in.operations import person_entry, random_password
from portal.sign_in.sessions import end_all
from portal.tokens.operations import end_all as end_all_tokens

NO_ADMIN_LEFT = (
    "No patch admin is left who may sign in. Whoever runs the server makes one: manage.py first_admin NAME."
)


@transaction.atomic
def add_person(*, username: str, name: str, email: str, by: User, now: datetime) -> tuple[User, str]:
    """A person without any right yet, and the first password, which is shown once and stored only as a hash."""
    check_role(by, Role.ADMIN)
    _check_email(email.strip().lower())
    person, password = unsaved(username=username, name=name, email=email), random_password()
    person.must_change_password = True
    person.set_password(password)
    save_new(person)
    record(person_entry("added", person, f"Added {person.display_name} ({username})"), by=by)
    return person, password


def unsaved(*, username: str, name: str, email: str) -> User:
    """A person as they would be stored; without an address where none is given. Raises Invalid."""
    email = email.strip().lower()
    _check_username(username)
    if email:
        _check_email(email)
    first, last = _names(name)
    return User(username=username, email=email, first_name=first, last_name=last)


def save_new(person: User) -> None:
    try:
        with transaction.atomic():
            person.save()
    except IntegrityError as error:
        said = f"Somebody added {person.username!r} at the same moment. Look at the list."
        raise Conflict(said) from error


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


@transaction.atomic
def change_person(*, person: User, name: str, email: str, by: User, now: datetime) -> None:
    """Another name or e-mail address. The person is told at both addresses; links sent to the old one end."""
    check_role(by, Role.ADMIN)
    person = User.objects.select_for_update().get(pk=person.pk)
    changed = _changed(person, name=" ".join(name.split()), email=email.strip().lower())
    _save_changed(person)
    sentence = ", ".join(f"{field} {old or 'none'} → {new}" for field, (old, new) in changed.items())
    record(
        person_entry("changed", person, f"Changed {person.username}: {sentence}", {"changed": changed}), by=by
    )
    if "email" in changed:
        old, new = changed["email"]
        said = f"{by.display_name} changed your e-mail address from {old or 'none'} to {new}."
        notify("person.changed", person, said=said, also_at=old)


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
def set_active(*, person: User, active: bool, by: User, now: datetime) -> None:
    """Lets a person in, or shuts them out at once, be it the last admin: whoever runs the server makes another."""
    check_role(by, Role.ADMIN)
    if not User.objects.filter(pk=person.pk, is_active=not active).update(is_active=active):
        raise Conflict(f"{person.display_name} is {'active' if active else 'shut out'} already.")
    if not active:
        end_all(person, by=by, why="they were shut out")
        end_all_tokens(person, by=by, why="they were shut out", now=now)
        WaitingGrant.objects.filter(asked_by=person).delete()  # whoever is shut out asks for nothing
    what = "may sign in again" if active else "may no longer sign in"
    record(person_entry("let_in" if active else "shut_out", person, f"{person.display_name} {what}"), by=by)
    if not active and has_role(person, Role.ADMIN) and not an_admin_is_left():
        record(person_entry("no_admin_left", person, NO_ADMIN_LEFT), by=by)
        notify("person.no_admin_left", person, said=NO_ADMIN_LEFT)
    said = f"{by.display_name} decided that you {what}."
    notify("person.let_in" if active else "person.shut_out", person, said=said)
