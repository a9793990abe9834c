"""What people may do: the one place where a grant is granted and revoked."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from portal.access.models import Grant, User
from portal.access.rules import Conflict, check_role
from portal.access.states import Role
from portal.audit.operations import record
from portal.notify.operations import notify
from portal.people.rules import check_another_admin, check_scope
from portal.people.words import grant_words
from portal.sign_in.operations import person_entry

FROM_GROUPS = (
    "This right comes from their groups at an identity provider and would be back at the next sign-in. Change the "
    "groups there, or the rule on the page Sign-in."
)


@transaction.atomic
def grant_role(*, person: User, role: str, dimension: str, value: str, by: User, now: datetime) -> Grant:
    """The role over the servers whose dimension is the value."""
    check_role(by, Role.ADMIN)
    value = value.strip()
    check_scope(role, dimension, value)
    grant, new = Grant.objects.get_or_create(user=person, role=role, dimension=dimension, value=value)
    if not new and not grant.provider:
        raise Conflict(f"{person.display_name} has this right already.")
    if grant.provider:  # from now on it no longer rests on the word of an identity provider
        Grant.objects.filter(pk=grant.pk).update(provider="")
    record(person_entry("granted", person, f"{person.display_name} is now {grant_words(grant)}"), by=by)
    notify("person.granted", person, said=f"{by.display_name} made you {grant_words(grant)}.")
    return grant


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
    if not gone:
        raise Conflict("Somebody took this right away already.")
    record(person_entry("revoked", person, f"{person.display_name} is no longer {grant_words(grant)}"), by=by)
    notify("person.revoked", person, said=f"{by.display_name} took a right from you: {grant_words(grant)}.")
