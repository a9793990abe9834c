"""What people may do: the one place where a grant is granted and revoked."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from portal.access.models import Grant, User
from portal.access.rules import Conflict, check_role
from portal.access.states import Role
from portal.audit.operations import record
from portal.notify.operations import notify
from portal.people.models import WaitingGrant
from portal.people.rules import (
    check_another_admin,
    check_scope,
    check_second_admin,
    needs_second_admin,
    second_admins,
)
from portal.people.words import grant_words
from portal.sign_in.operations import person_entry

WAITS = timedelta(days=7)
OVER = "This was agreed to, declined or over meanwhile. Look at the person's rights."
FROM_GROUPS = (
    "This right comes from their groups at an identity provider and would be back at the next sign-in. Change the "
    "groups there, or the rule on the page Sign-in."
)


@transaction.atomic
def grant_role(
    *, person: User, role: str, dimension: str, value: str, by: User, now: datetime
) -> Grant | WaitingGrant:
    """The role over the servers whose dimension is the value; it waits for a second admin where one has to agree."""
    check_role(by, Role.ADMIN)
    value = value.strip()
    check_scope(role, dimension, value)
    _check_is_new(person, role, dimension, value)
    if not needs_second_admin(role):
        return _give(person, role, dimension, value, by=by)
    if second_admins(by, person):
        return _ask(person, role, dimension, value, by=by, now=now)
    grant = _give(person, role, dimension, value, by=by)
    said = (
        f"{by.display_name} alone made {person.display_name} {grant_words(grant)}: there is no second admin"
    )
    record(person_entry("granted_alone", person, said), by=by)
    notify("person.granted_alone", person, said=f"{said}.", by=by)
    return grant


@transaction.atomic
def agree(*, waiting: WaitingGrant, by: User, now: datetime) -> Grant:
    """The second admin's word: the right is given."""
    check_role(by, Role.ADMIN)
    person, asked_by = waiting.person, waiting.asked_by
    check_second_admin(by, asked_by=asked_by, person=person)
    _end(waiting, now)
    said = f"{by.display_name} agreed to what {asked_by.display_name} asked for {person.display_name}"
    record(person_entry("grant_agreed", person, f"{said}: {grant_words(waiting)}"), by=by)
    return _give(person, waiting.role, waiting.dimension, waiting.value, by=asked_by)


@transaction.atomic
def decline(*, waiting: WaitingGrant, by: User, now: datetime) -> None:
    """Any admin's word, the asker's too: the right is not given."""
    check_role(by, Role.ADMIN)
    _end(waiting, now)
    said = f"{by.display_name} declined what {waiting.asked_by.display_name} asked for {waiting.person.display_name}"
    record(person_entry("grant_declined", waiting.person, f"{said}: {grant_words(waiting)}"), by=by)
    if waiting.asked_by != by:
        notify("person.grant_declined", waiting.asked_by, said=f"{said}: {grant_words(waiting)}.")


@transaction.atomic
def revoke(*, grant: Grant, by: User, now: datetime) -> None:
    """Takes the grant away. Raises Denied for the last admin's own."""
    check_role(by, Role.ADMIN)
    person = grant.user
    if grant.provider:
        raise Conflict(FROM_GROUPS)
    if grant.role == Role.ADMIN:
        check_another_admin(person)
    gone, _ = Grant.objects.filter(pk=grant.pk).delete()
    if grant.role == Role.ADMIN:
        WaitingGrant.objects.filter(asked_by=person).delete()  # whoever is no admin asks for nothing
    if not gone:
        raise Conflict("Somebody took this right away already.")
    record(person_entry("revoked", person, f"{person.display_name} is no longer {grant_words(grant)}"), by=by)
    notify("person.revoked", person, said=f"{by.display_name} took a right from you: {grant_words(grant)}.")


def _check_is_new(person: User, role: str, dimension: str, value: str) -> None:
    """One that rests on the word of an identity provider may be given by hand as well: then it stays."""
    wanted = {"role": role, "dimension": dimension, "value": value}
    if Grant.objects.filter(user=person, provider="", **wanted).exists():
        raise Conflict(f"{person.display_name} has this right already.")


def _give(person: User, role: str, dimension: str, value: str, *, by: User) -> Grant:
    grant, new = Grant.objects.get_or_create(user=person, role=role, dimension=dimension, value=value)
    if not new and not grant.provider:
        raise Conflict(f"{person.display_name} has this right already.")
    if grant.provider:  # from now on it no longer rests on the word of an identity provider
        Grant.objects.filter(pk=grant.pk).update(provider="")
    record(person_entry("granted", person, f"{person.display_name} is now {grant_words(grant)}"), by=by)
    notify("person.granted", person, said=f"{by.display_name} made you {grant_words(grant)}.")
    return grant


def _ask(person: User, role: str, dimension: str, value: str, *, by: User, now: datetime) -> WaitingGrant:
    wanted = {"person": person, "role": role, "dimension": dimension, "value": value}
    WaitingGrant.objects.filter(ends_at__lte=now).delete()
    asked = {"asked_by": by, "asked_at": now, "ends_at": now + WAITS}
    waiting, new = WaitingGrant.objects.get_or_create(**wanted, defaults=asked)
    words = grant_words(waiting)
    if not new:
        raise Conflict(
            f"{waiting.asked_by.display_name} asked for this already; it waits for a second admin."
        )
    wish = f"to make {person.display_name} {words}; another patch admin has to agree"
    record(person_entry("grant_asked", person, f"Asked {wish}"), by=by)
    notify("person.grant_waits", waiting, said=f"{by.display_name} asked {wish}.", by=by)
    return waiting


def _end(waiting: WaitingGrant, now: datetime) -> None:
    gone, _ = WaitingGrant.objects.filter(pk=waiting.pk, ends_at__gt=now).delete()
    if not gone:
        raise Conflict(OVER)
