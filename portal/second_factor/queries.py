"""Who has a second factor, and of whom one is demanded."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import QuerySet

from portal.access.models import User
from portal.access.queries import read_grants_once
from portal.access.states import Role

Kind = Authenticator.Type
PROVING = (Kind.TOTP, Kind.WEBAUTHN)  # recovery codes only stand in for one of these


def factors_of(person: User) -> QuerySet[Authenticator]:
    """The apps and passkeys, the oldest first."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user=person, type__in=PROVING)
    return found.order_by("created_at", "pk")


def demanding_roles(person: User) -> list[str]:
    """What the person's roles are called that demand one, by SECOND_FACTOR_ROLES."""
    read_grants_once(person)
    held = {grant.role for grant in person.grants.all()}
    return [role.label.lower() for role in Role if role in held and role in settings.SECOND_FACTOR_ROLES]


def codes_left(person: User) -> int:
    row = Authenticator.objects.filter(user=person, type=Kind.RECOVERY_CODES).first()
    return len(row.data["codes"]) if row else 0


def factor_words(factor: Authenticator) -> str:
    return "authenticator app" if factor.type == Kind.TOTP else f"passkey {factor.wrap().name}"
