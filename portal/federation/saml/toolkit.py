"""How python3-saml is set up for a provider: strict, with the portal's own addresses and nothing deprecated."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from portal.identity_providers.kinds import Key, Saml

REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SECURITY = {
    "wantAssertionsSigned": True, "rejectDeprecatedAlgorithm": True, "wantNameId": True,
    "wantAttributeStatement": False, "allowRepeatAttributeName": False, "requestedAuthnContext": False,
    "signatureAlgorithm": RSA_SHA256, "digestAlgorithm": SHA256, "allowSingleLabelDomains": True,
}  # fmt: skip


def address(provider: Saml, view: str) -> str:
    """The portal's own address for this provider, whatever host a request named."""
    return str(settings.PORTAL_URL) + reverse(f"federation:saml-{view}", args=[provider.id])


def entity_id(provider: Saml) -> str:
    """What the portal is called there: the address of its metadata."""
    return address(provider, "metadata")


def settings_for(provider: Saml, key: Key | None = None) -> OneLogin_Saml2_Settings:
    """`key`: the one to sign or decrypt with; the first of the provider's where none is given."""
    key = key or next(iter(provider.keys), None)
    signed = {name: bool(key) for name in ("authnRequestsSigned", "logoutResponseSigned")}
    return OneLogin_Saml2_Settings({
        "strict": True,
        "sp": _portal(provider, key),
        "idp": _provider(provider),
        "security": SECURITY | signed | {"wantAssertionsEncrypted": provider.wants_encrypted},
    })  # fmt: skip


def _portal(provider: Saml, key: Key | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "entityId": entity_id(provider),
        "assertionConsumerService": {"url": address(provider, "acs"), "binding": POST},
        "singleLogoutService": {"url": address(provider, "sls"), "binding": REDIRECT},
        "NameIDFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    }
    return found | ({"privateKey": key.private, "x509cert": key.certificate} if key else {})


def _provider(provider: Saml) -> dict[str, Any]:
    return {
        "entityId": provider.issuer,
        "singleSignOnService": {"url": provider.sso_url, "binding": REDIRECT},
        "singleLogoutService": {"url": provider.slo_url, "binding": REDIRECT} if provider.slo_url else {},
        "x509certMulti": {"signing": list(provider.certificates)},
    }


def request_data(provider: Saml, view: str, **fields: Any) -> dict[str, Any]:
    """A request to one of the portal's addresses, as python3-saml wants to be told of it."""
    parts = urlsplit(address(provider, view))
    return {
        "https": "on" if parts.scheme == "https" else "off", "http_host": parts.netloc, "script_name": "",
        "path_info": parts.path, **fields,
    }  # fmt: skip
