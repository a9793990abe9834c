"""Who stands behind an identity: matched by issuer and subject; a newcomer only by the provider's policy."""

from __future__ import annotations

import re
from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import Q

from portal.access.models import User
from portal.access.queries import people_with
from portal.access.rules import Conflict, Denied
from portal.access.states import Role
from portal.audit.operations import record
from portal.federation.identity import Identity
from portal.federation.operations.rights import apply_rights, judged
from portal.federation.refusal import Refused
from portal.federation.role_rules import Judgement
from portal.identity_providers.kinds import NOBODY, WITH_A_ROLE
from portal.notify.operations import notify
from portal.people.operations.people import save_new, unsaved
from portal.sign_in.operations import person_entry

SHUT_OUT = "Your access to the portal was ended. A patch admin can let you in again."
UNKNOWN = "{provider} knows you, but the portal does not yet. Ask a patch admin to let you in{whom}."
NO_ROLE = (
    "{provider} knows you, but none of your groups gives you a role here. Ask a patch admin for one{whom}."
)
TAKEN = (
    "Somebody is known here by {email} already, and the portal does not take {provider}'s word for whose address "
    "it is. Ask a patch admin to link the two{whom}."
)
AGAIN = "You were signed in twice at the same moment. Start again from the sign-in page."


def recognise(*, identity: Identity, now: datetime) -> User:
    """The person who may sign in. Raises Refused; nothing is stored then."""
    try:
        with transaction.atomic():
            judgement = judged(identity)
            person = _known(identity) or _newcomer(identity, judgement)
            apply_rights(person, identity, judgement)
            return person
    except IntegrityError as error:
        raise _refused(identity, AGAIN, "the same identity arrived twice at once") from error


def _known(identity: Identity) -> User | None:
    found = (
        SocialAccount.objects.select_related("user")
        .filter(provider=identity.provider.issuer, uid=identity.subject)
        .first()
    )
    if found is None:
        return None
    person: User = found.user
    if not person.is_active:
        raise _refused(identity, SHUT_OUT, f"{person.display_name} is shut out")
    return person


def _newcomer(identity: Identity, judgement: Judgement) -> User:
    email = identity.email
    namesake = (
        User.objects.filter(Q(email__iexact=email) | Q(username__iexact=email)).first() if email else None
    )
    if namesake is None:
        return _new_person(identity, judgement)
    if not identity.email_is_proven or not namesake.is_active:
        raise _refused(identity, TAKEN, f"{namesake.display_name} has {email} already, and it is not proven")
    _link(identity, namesake, f"who was known by {email}")
    return namesake


def _new_person(identity: Identity, judgement: Judgement) -> User:
    policy = identity.provider.newcomers
    if policy == NOBODY:
        raise _refused(identity, UNKNOWN, "they are not known, and this provider brings nobody new")
    if policy == WITH_A_ROLE and not judgement.rights:
        raise _refused(identity, NO_ROLE, "they are not known, and no rule gives them a role")
    try:
        person = unsaved(username=_user_name(identity), name=identity.name[:200], email=identity.email)
        person.set_unusable_password()
        save_new(person)
    except Conflict as error:
        raise _refused(identity, AGAIN, str(error)) from error
    except Denied as error:
        raise _refused(identity, UNKNOWN, f"no person could be made of them: {error}") from error
    said = f"Added {person.display_name} ({person.username}), who came with {identity.provider.name}"
    record(person_entry("added", person, said), by=None)
    _link(identity, person, "at the first sign-in")
    return person


def _link(identity: Identity, person: User, how: str) -> None:
    provider = identity.provider
    SocialAccount.objects.create(
        user=person, provider=provider.issuer, uid=identity.subject, extra_data=identity.claims
    )
    said = f"Linked {identity.subject} of {provider.name} to {person.display_name}, {how}"
    detail = {"issuer": provider.issuer, "subject": identity.subject}
    record(person_entry("linked", person, said, detail), by=None)
    notify("person.linked", person, said=f"You can now sign in with {provider.name}.")


def _user_name(identity: Identity) -> str:
    """A free one near to what they are called elsewhere."""
    wanted = re.sub(r"[^\w.@+-]+", "-", identity.user_name).strip("-")[:120] or identity.provider.id
    alike = User.objects.filter(Q(username__istartswith=wanted) | Q(email__istartswith=wanted))
    taken = {name.lower() for names in alike.values_list("username", "email")[:500] for name in names}
    numbered = (f"{wanted}-{number}" for number in range(2, 502))
    return next(name for name in (wanted, *numbered) if name.lower() not in taken)


def _refused(identity: Identity, sentence: str, why: str) -> Refused:
    admins = [person.email for person in people_with(Role.ADMIN) if person.email][:3]
    whom = f": {', '.join(admins)}" if admins else ""
    said = sentence.format(provider=identity.provider.name, email=identity.email, whom=whom)
    return Refused(said, why=why, about=str(identity))
