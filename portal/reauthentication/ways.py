"""How a person can show anew that it is them."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from portal.access.models import User
from portal.identity_providers.kinds import IdentityProvider
from portal.second_factor.adapter import takes_passkeys
from portal.second_factor.queries import Kind, factors_of


@dataclass(frozen=True)
class Ways:
    """Whoever has a second factor shows that one: the password alone would be less than their sign-in took."""

    code: bool
    passkey: bool
    password: bool
    providers: list[IdentityProvider]

    def __bool__(self) -> bool:
        return self.code or self.passkey or self.password or bool(self.providers)


def ways_of(person: User) -> Ways:
    kinds = {factor.type for factor in factors_of(person)}
    issuers = set(SocialAccount.objects.filter(user=person).values_list("provider", flat=True))
    return Ways(
        code=bool(kinds),  # a recovery code stands in for a passkey, too
        passkey=Kind.WEBAUTHN in kinds and takes_passkeys(),
        password=not kinds and person.has_usable_password(),
        providers=[one for one in settings.IDENTITY_PROVIDERS if one.issuer in issuers],
    )
