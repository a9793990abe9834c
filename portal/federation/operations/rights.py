"""Rights from claims, anew at each sign-in: what the provider no longer says is lost with that sign-in."""

from __future__ import annotations

from django.conf import settings

from portal.access.models import Grant, User
from portal.audit.operations import record
from portal.federation.identity import Identity
from portal.federation.models import rules_in_force
from portal.federation.role_rules import Judgement, Match, Right, judge
from portal.notify.operations import notify
from portal.people.words import grant_words
from portal.sign_in.operations import person_entry


def judged(identity: Identity) -> Judgement:
    """What the rules, as they are now, make of the identity."""
    return judge(rules_in_force(), identity.provider.id, identity.claims)


def apply_rights(person: User, identity: Identity, judgement: Judgement) -> None:
    """Within the transaction of a sign-in. What an admin gave by hand stays; the last admin may lose the role."""
    wanted = judgement.rights
    held = {_right(grant): grant for grant in person.grants.select_for_update()}
    for right, grant in held.items():
        if not _rests_on(grant, identity):
            continue
        if right not in wanted:
            _take(person, grant, identity)
        elif grant.provider != identity.provider.id:
            Grant.objects.filter(pk=grant.pk).update(provider=identity.provider.id)
    for right, match in wanted.items():
        if right not in held:
            _give(person, right, match, identity)


def _rests_on(grant: Grant, identity: Identity) -> bool:
    """Whether it was given on this provider's word, or on that of one who is asked no more."""
    others = {provider.id for provider in settings.IDENTITY_PROVIDERS} - {identity.provider.id}
    return bool(grant.provider) and grant.provider not in others


def _take(person: User, grant: Grant, identity: Identity) -> None:
    Grant.objects.filter(pk=grant.pk).delete()
    words = grant_words(grant)
    why = f"{identity.provider.name} no longer says what the rules ask for"
    record(person_entry("revoked", person, f"{person.display_name} is no longer {words}: {why}"), by=None)
    notify("person.revoked", person, said=f"You are no longer {words}: {why}.")


def _give(person: User, right: Right, match: Match, identity: Identity) -> None:
    Grant.objects.create(
        user=person,
        role=right.role,
        dimension=right.dimension,
        value=right.value,
        provider=identity.provider.id,
    )
    why = f"{identity.provider.name} says {match.rule.claim} {match.said}"
    record(person_entry("granted", person, f"{person.display_name} is now {right.words}: {why}"), by=None)
    notify("person.granted", person, said=f"You are now {right.words}: {why}.")


def _right(grant: Grant) -> Right:
    return Right(grant.role, grant.dimension, grant.value)
