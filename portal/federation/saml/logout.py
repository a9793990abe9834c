"""A provider's wish to sign somebody out: believed only with a signature of its own, whatever answers need.

python3-saml asks for one only where it asks answers for one, too, and takes the request without. Here an unsigned one
ends nothing: else any page could sign people out.
"""

from __future__ import annotations

import base64
import zlib
from urllib.parse import parse_qsl

from django.http import HttpRequest
from onelogin.saml2.auth import OneLogin_Saml2_Auth
from onelogin.saml2.logout_request import OneLogin_Saml2_Logout_Request
from onelogin.saml2.logout_response import OneLogin_Saml2_Logout_Response
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from portal.federation.refusal import Refused
from portal.federation.saml import second_look
from portal.federation.saml.answers import refused
from portal.federation.saml.toolkit import address, request_data, settings_for
from portal.identity_providers.kinds import Saml

LONGEST = 64 * 1024


def whom(request: HttpRequest, provider: Saml) -> tuple[str, str]:
    """The subject to sign out, and the id of the request. Raises Refused with the true reason."""
    raw = request.GET.get("SAMLRequest", "")
    try:
        _check_signature(request, provider)
        text = _inflated(raw)
        settings = settings_for(provider)
        wish = OneLogin_Saml2_Logout_Request(settings, raw)
        if not wish.is_valid(request_data(provider, "sls", get_data=request.GET.dict())):
            raise refused(provider, wish.get_error() or "the wish to sign out is not valid")
        if second_look.attribute(text, "Destination") != address(provider, "sls"):
            raise refused(provider, "the wish to sign out names another destination, or none")
        if OneLogin_Saml2_Logout_Request.get_issuer(text) != provider.issuer:
            raise refused(provider, "the wish to sign out names another issuer, or none")
        keys = [key.private for key in provider.keys]
        subject = OneLogin_Saml2_Logout_Request.get_nameid(text, keys[0] if keys else None)
        return str(subject), str(OneLogin_Saml2_Logout_Request.get_id(text))
    except Refused:
        raise
    except Exception as error:
        raise refused(provider, f"the wish to sign out cannot be read: {error}"[:300]) from error


def answer_address(provider: Saml, request_id: str, relay_state: str) -> str:
    """Where the browser goes on to after the sign-out: the provider, with the portal's signed word that it is done."""
    settings = settings_for(provider)
    done = OneLogin_Saml2_Logout_Response(settings)
    done.build(request_id)
    fields = {"SAMLResponse": done.get_response()} | ({"RelayState": relay_state} if relay_state else {})
    if provider.keys:
        auth = OneLogin_Saml2_Auth(request_data(provider, "sls"), settings)
        auth.add_response_signature(fields, settings.get_security_data()["signatureAlgorithm"])
    return str(OneLogin_Saml2_Utils.redirect(provider.slo_url, fields, request_data(provider, "sls")))


def _check_signature(request: HttpRequest, provider: Saml) -> None:
    """Over the very text of the query, as the provider wrote it."""
    parts = dict(parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True))
    raw = dict(piece.partition("=")[::2] for piece in request.META.get("QUERY_STRING", "").split("&"))
    if not parts.get("Signature"):
        raise refused(provider, "the wish to sign out is not signed")
    if parts.get("SigAlg") not in second_look.SIGNATURES:
        raise refused(
            provider,
            f"the wish to sign out is signed with {parts.get('SigAlg')!r:.100}, which is not accepted",
        )
    signed = "&".join(
        f"{name}={raw[name]}" for name in ("SAMLRequest", "RelayState", "SigAlg") if name in raw
    )
    signature = base64.b64decode(parts["Signature"])
    for bare in provider.certificates:
        pem = OneLogin_Saml2_Utils.format_cert(bare)
        if OneLogin_Saml2_Utils.validate_binary_sign(signed, signature, pem, parts["SigAlg"]):
            return
    raise refused(provider, "the signature of the wish to sign out is not the provider's")


def _inflated(raw: str) -> bytes:
    """At most LONGEST bytes: a small text may unfold into a huge one."""
    unfold = zlib.decompressobj(-15)
    text = unfold.decompress(base64.b64decode(raw), LONGEST)
    if unfold.unconsumed_tail:
        raise ValueError(f"it unfolds to more than {LONGEST:,} bytes")
    return text
