"""What a SAML provider publishes of itself, from a file: it is never fetched, least of all during a sign-in."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured

PAIR = (
    "SAML answers cannot be checked, since lxml and xmlsec do not fit together: {error}. Install both from the "
    "lock, which pins a pair that carries the same libxml2 (script/setup does)."
)


def check_the_pair() -> None:
    """Raises ImproperlyConfigured where signatures cannot be checked on this machine. Loads what checks them."""
    try:
        import xmlsec
        from lxml import etree

        # Wheels with different copies of libxml2 are found by the first element that passes between them.
        known: Any = xmlsec.constants
        xmlsec.template.create(
            etree.fromstring("<a ID='b'/>"), known.TransformExclC14N, known.TransformRsaSha256, ns="ds"
        )
    except Exception as error:  # xmlsec's own errors have no name before it is imported
        raise ImproperlyConfigured(PAIR.format(error=error)) from error


def read(text: str, where: str, entity_id: str | None = None) -> dict[str, Any]:
    """entity_id, sso_url, slo_url and certificates of the metadata, or of this entity in it.

    Raises ImproperlyConfigured.
    """
    from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser

    try:
        found = OneLogin_Saml2_IdPMetadataParser.parse(text.encode(), entity_id=entity_id).get("idp", {})
    except (ValueError, SyntaxError) as error:
        raise ImproperlyConfigured(f"{where} is no SAML metadata: {error}.") from error
    return {
        "entity_id": found.get("entityId", ""),
        "sso_url": found.get("singleSignOnService", {}).get("url", ""),
        "slo_url": found.get("singleLogoutService", {}).get("url", ""),
        "certificates": _certificates(found),
    }


def _certificates(found: dict[str, Any]) -> list[str]:
    several = found.get("x509certMulti", {}).get("signing", [])
    return list(several) or [one for one in [found.get("x509cert", "")] if one]


def certificate(text: str, where: str) -> str:
    """Of a PEM or its bare base64: the base64 in one line. Raises ImproperlyConfigured for what is no certificate."""
    import base64

    from cryptography.x509 import load_der_x509_certificate

    bare = re.sub(r"-----[A-Z ]+-----|\s", "", text)
    try:
        load_der_x509_certificate(base64.b64decode(bare, validate=True))
    except ValueError as error:
        raise ImproperlyConfigured(f"{where} is no X.509 certificate: {error}.") from error
    return bare
