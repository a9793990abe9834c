"""Signing in by SAML: the way to the provider, the answer that comes back without a session, and its end within one.

The provider's page posts the answer, and a browser sends no session along with another site's form. So the answer is
proven first; only what it proves is kept, for two minutes, and a cookie leads the browser's next request to it. That
one has the session, and with it the request that the answer must belong to.
"""

from __future__ import annotations

import secrets

from allauth.socialaccount.internal import statekit
from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from onelogin.saml2.auth import OneLogin_Saml2_Auth

from portal.federation.identity import Identity
from portal.federation.operations.assertions import take
from portal.federation.refusal import Refused
from portal.federation.saml import answers
from portal.federation.saml.toolkit import request_data, settings_for
from portal.identity_providers.kinds import Saml

KEPT_S = 120
OVER = "This sign-in took too long, or was begun in another browser. Start again from the sign-in page."
NOT_ASKED = "The portal takes no sign-in that begins at {provider}. Start from the portal's own sign-in page."
REPLAYED = "This answer was used already. Start again from the sign-in page."


def leave(request: HttpRequest, provider: Saml, next_url: str, *, fresh: bool = False) -> str:
    """The address at the provider to go to, with a request that the session remembers; `fresh` asks to sign in anew."""
    auth = OneLogin_Saml2_Auth(request_data(provider, "acs"), settings_for(provider))
    target = str(auth.login(return_to="", force_authn=fresh))
    statekit.stash_state(
        request, provider_id=provider.id, state={"next": next_url}, state_id=auth.get_last_request_id()
    )
    return target


def prove(provider: Saml, encoded: str) -> str:
    """Takes the answer, once, and keeps what it proves; returns the token that leads to it. Raises Refused."""
    answer = answers.read(provider, encoded)
    about = str(answer.identity)
    if not answer.in_response_to and not provider.idp_initiated:
        why = "the portal did not ask for it, and sign-ins begun at the provider are switched off"
        raise Refused(NOT_ASKED.format(provider=provider.name), why=why, about=about)
    new = take(
        issuer=provider.issuer, assertion_id=answer.assertion_id, ends_at=answer.ends_at, now=timezone.now()
    )
    if not new:
        raise Refused(REPLAYED, why="its assertion was taken already", about=about)
    token = secrets.token_urlsafe(24)
    who = answer.identity
    said = (provider.id, who.subject, who.claims, answer.in_response_to, who.authenticated_at)
    cache.set(_kept_as(token), said, KEPT_S)
    return token


def finish(request: HttpRequest, provider: Saml, token: str) -> tuple[Identity, str]:
    """Who has come, and the page they wanted; the token leads here once. Raises Refused."""
    kept = cache.get(_kept_as(token)) if token else None
    cache.delete(_kept_as(token))
    if not kept or kept[0] != provider.id:
        raise Refused(OVER, why="what the answer proved is not kept any more")
    _, subject, claims, in_response_to, at = kept
    identity = Identity(provider, subject, claims, says_email_is_verified=True, authenticated_at=at)
    if not in_response_to:
        return identity, ""
    state = statekit.unstash_state(request, provider_id=provider.id, state_id=in_response_to)
    if state is None:
        raise Refused(
            OVER, why="it answers no request that this browser was sent away with", about=str(identity)
        )
    return identity, str(state.get("next") or "")


def _kept_as(token: str) -> str:
    return f"saml-proven:{token[:64]}"
