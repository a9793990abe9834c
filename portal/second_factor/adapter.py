"""How allauth keeps second factors here: sealed, under our name, and passkeys for the name in the address."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http.request import split_domain_port

from portal.access.models import User
from portal.sign_in.sealed import seal, unseal

ISSUER = "Patch Portal"
NOT_PROVEN = "That did not show that it is you. Try again."


class SecondFactors(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": NOT_PROVEN}

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)

    def get_totp_issuer(self) -> str:
        return ISSUER

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """A passkey belongs to the name that it was made at; ALLOWED_HOSTS says which there may be."""
        return {"id": _host(), "name": ISSUER}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        found: dict[str, Any] = super().get_public_key_credential_user_entity(user)
        return found | {"name": user.username, "display_name": user.display_name}

    def send_notification_mail(self, *args: Any, **named: Any) -> None:
        """The portal tells of it by itself."""


def takes_passkeys() -> bool:
    """Browsers make passkeys for names only, never for an address of numbers."""
    try:
        ip_address(_host().strip("[]"))
    except ValueError:
        return True
    return False


def _host() -> str:
    return str(split_domain_port(context.request.get_host())[0])
