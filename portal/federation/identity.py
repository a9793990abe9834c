"""Whom a provider vouches for: an issuer, a subject, and what was said of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from portal.federation.claims import Claims, first
from portal.federation.refusal import Refused
from portal.identity_providers.kinds import IdentityProvider

LONGEST_SUBJECT = 191
TRUE = "true"
EMAILS = ("email", "mail", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
          "urn:oid:0.9.2342.19200300.100.1.3")  # fmt: skip
NAMES = (
    "name",
    "displayName",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "urn:oid:2.16.840.1.113730.3.1.241",
)
GIVEN = ("given_name", "givenName", "firstName",
         "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "urn:oid:2.5.4.42")  # fmt: skip
FAMILY = ("family_name", "sn", "surname", "lastName",
          "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "urn:oid:2.5.4.4")  # fmt: skip
USER_NAMES = ("preferred_username", "cognito:username", "upn", "uid", "username")


@dataclass(frozen=True)
class Identity:
    provider: IdentityProvider
    subject: str
    claims: Claims
    says_email_is_verified: bool = False
    authenticated_at: datetime | None = None  # when they last signed in there; None where it does not say

    def __post_init__(self) -> None:
        if not self.subject or len(self.subject) > LONGEST_SUBJECT or not self.subject.isprintable():
            raise Refused(
                f"{self.provider.name} did not say who you are in a way that the portal takes.",
                why=f"the subject is empty, longer than {LONGEST_SUBJECT} characters, or cannot be read",
            )

    @property
    def email(self) -> str:
        """In lower case; '' where none was sent that is one."""
        address = first(self.claims, *EMAILS).lower()
        try:
            validate_email(address)
        except ValidationError:
            return ""
        return address

    @property
    def email_is_proven(self) -> bool:
        """Whether the provider says that it has verified the address, and is believed about that domain."""
        domain = self.email.rpartition("@")[2]
        return bool(domain) and self.says_email_is_verified and self.provider.proves_addresses_of(domain)

    @property
    def name(self) -> str:
        full = " ".join(filter(None, (first(self.claims, *GIVEN), first(self.claims, *FAMILY))))
        return first(self.claims, *NAMES) or full or self.user_name

    @property
    def user_name(self) -> str:
        """What they are called where they come from; not unique, and perhaps no user name of ours."""
        return first(self.claims, *USER_NAMES) or self.email or self.subject

    def __str__(self) -> str:
        return f"{self.subject} ({self.email or 'no e-mail'})"
