"""Whose identity it is, by an admin's word: linked and unlinked by hand."""

from __future__ import annotations

from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import IntegrityError, transaction

from portal.access.models import Grant, User
from portal.access.rules import Conflict, Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import record
from portal.federation.identity import LONGEST_SUBJECT
from portal.identity_providers.kinds import IdentityProvider
from portal.notify.operations import notify
from portal.people.words import grant_words
from portal.sign_in.operations import person_entry


@transaction.atomic
def link(*, person: User, provider: str, subject: str, by: User, now: datetime) -> None:
    """From now on whoever the provider calls `subject` is this person."""
    check_role(by, Role.ADMIN)
    found, subject = _configured(provider), subject.strip()
    if not subject or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        raise Invalid(
            f"Write the subject as the audit trail names it, with at most {LONGEST_SUBJECT} characters.",
            field="subject",
        )
    try:
        with transaction.atomic():
            SocialAccount.objects.create(user=person, provider=found.issuer, uid=subject)
    except IntegrityError as error:
        owner = SocialAccount.objects.select_related("user").get(provider=found.issuer, uid=subject).user
        raise Conflict(
            f"{subject} of {found.name} is {owner.display_name} already. Unlink it there first."
        ) from error
    detail = {"issuer": found.issuer, "subject": subject}
    record(
        person_entry("linked", person, f"Linked {subject} of {found.name} to {person.display_name}", detail),
        by=by,
    )
    notify("person.linked", person, said=f"{by.display_name} let you sign in with {found.name}.")


@transaction.atomic
def unlink(*, identity: SocialAccount, by: User, now: datetime) -> None:
    """The identity is nobody's any more; rights that rest on its provider's word end with it."""
    check_role(by, Role.ADMIN)
    person: User = identity.user
    gone, _ = SocialAccount.objects.filter(pk=identity.pk).delete()
    if not gone:
        raise Conflict("Somebody unlinked this already.")
    name = provider_named(identity.provider)
    detail = {"issuer": identity.provider, "subject": identity.uid}
    said = f"Unlinked {identity.uid} of {name} from {person.display_name}"
    record(person_entry("unlinked", person, said, detail), by=by)
    for grant in _resting_on(identity):
        grant.delete()
        taken = f"{person.display_name} is no longer {grant_words(grant)}: it rested on {name}"
        record(person_entry("revoked", person, taken), by=by)
    notify(
        "person.unlinked",
        person,
        said=f"You can no longer sign in with {name}: {by.display_name} unlinked it.",
    )


def provider_named(issuer: str) -> str:
    """What the provider of this issuer is called; the issuer itself where the file names it no more."""
    names = {provider.issuer: provider.name for provider in settings.IDENTITY_PROVIDERS}
    return str(names.get(issuer, issuer))


def _resting_on(identity: SocialAccount) -> list[Grant]:
    ids = [provider.id for provider in settings.IDENTITY_PROVIDERS if provider.issuer == identity.provider]
    return list(Grant.objects.filter(user=identity.user, provider__in=ids))


def _configured(provider_id: str) -> IdentityProvider:
    for provider in settings.IDENTITY_PROVIDERS:
        if provider.id == provider_id:
            return provider
    raise Invalid(f"There is no identity provider {provider_id!r}. Choose one of the list.", field="provider")
