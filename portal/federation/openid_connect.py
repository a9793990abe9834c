"""Signing in by OpenID Connect: allauth's flow with PKCE, and what it leaves open, closed.

Beside allauth's state and code verifier there is a nonce; the ID token's signature is checked; the answer of userinfo
counts only for the same subject; addresses are the portal's own, whatever host the request named.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse
from requests import RequestException

from portal.federation import claims as spoken
from portal.federation.discovery import Document, document_of
from portal.federation.fetching import BoundedSession
from portal.federation.id_tokens import authenticated_at, verified
from portal.federation.identity import TRUE, Identity
from portal.federation.refusal import DOWN, NOT_BELIEVED, Refused
from portal.identity_providers.kinds import OpenIDConnect

OVER = "This sign-in took too long, or was begun in another browser. Start again from the sign-in page."
CANCELLED = "{provider} signed nobody in. Start again from the sign-in page if that was a mistake."
FRESH = {"prompt": "login", "max_age": "0"}
CALLBACK = "federation:oidc-callback"
T = TypeVar("T")


class Flow:
    """One sign-in at one provider, in one request. Its methods raise Refused."""

    def __init__(self, request: HttpRequest, provider: OpenIDConnect) -> None:
        self.request, self.provider, self.session = request, provider, BoundedSession()
        request.provider_session = self.session  # type: ignore[attr-defined] # allauth asks by it, too
        self._allauths = OpenIDConnectProvider(request, app=_app(provider))

    def leave(self, next_url: str, hint: str = "", *, fresh: bool = False) -> str:
        """The address at the provider to go to. What the answer must match is kept in the session.

        `fresh`: they are to sign in there anew, although they may have a session.
        """
        nonce, pkce = secrets.token_urlsafe(24), generate_code_challenge()
        client = self._client(self._document())
        state = self._allauths.stash_redirect_state(
            self.request, "login", next_url, pkce_code_verifier=pkce.pop("code_verifier"), nonce=nonce
        )
        pkce["code_challenge"] = pkce["code_challenge"].decode()
        extra = pkce | {"nonce": nonce, "state": state} | ({"login_hint": hint} if hint else {})
        extra |= FRESH if fresh else {}
        return client.get_redirect_url(
            self._document()["authorization_endpoint"], self.provider.scopes, extra
        )

    def come_back(self) -> tuple[Identity, str]:
        """Who the provider says has come, and the page they wanted."""
        state = self._state()
        if problem := self.request.GET.get("error"):
            said = f"{problem}: {self.request.GET.get('error_description', '')}"[:300]
            raise Refused(CANCELLED.format(provider=self.provider.name), why=f"the provider answered {said}")
        tokens = self._tokens(state["pkce_code_verifier"])
        token = self._asking(
            lambda: verified(
                tokens.get("id_token"), provider=self.provider, keys_address=self._document()["jwks_uri"],
                nonce=state["nonce"], session=self.session,
            )
        )  # fmt: skip
        return self._identity(token, self._userinfo(tokens, token["sub"])), str(state.get("next") or "")

    def _state(self) -> dict[str, Any]:
        try:
            found = self._allauths.unstash_redirect_state(self.request, self.request.GET.get("state", ""))
        except PermissionDenied:
            raise Refused(OVER, why="its state is none that this browser was sent away with") from None
        return dict(found)

    def _tokens(self, verifier: str) -> dict[str, Any]:
        client = self._client(self._document())
        code = self.request.GET.get("code", "")
        try:
            return dict(self._asking(lambda: client.get_access_token(code, pkce_code_verifier=verifier)))
        except (OAuth2Error, KeyError, TypeError, ValueError):  # its text repeats what the provider sent
            raise self._refused("the provider gave no token for the code") from None

    def _userinfo(self, tokens: dict[str, Any], subject: str) -> dict[str, Any]:
        address = self._document().get("userinfo_endpoint")
        if not address:
            return {}
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        answer = self._asking(lambda: self.session.get(address, headers=headers))
        try:
            found = answer.json() if answer.status_code == 200 else None
        except ValueError:  # signed userinfo is another format, which nobody asked for
            found = None
        if not isinstance(found, dict) or found.get("sub") != subject:
            raise self._refused("userinfo does not speak of the person whom the ID token names")
        return found

    def _identity(self, token: dict[str, Any], userinfo: dict[str, Any]) -> Identity:
        said = userinfo | token
        verified_email = str(said.get("email_verified", "")).lower() == TRUE
        at = authenticated_at(token)
        return Identity(self.provider, str(token["sub"]), spoken.flat(said), verified_email, at)

    def _document(self) -> Document:
        return self._asking(lambda: document_of(self.provider, self.session))

    def _client(self, document: Document) -> OAuth2Client:
        way = self.provider.client_authentication
        offered = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = way == "client_secret_basic" or (not way and "client_secret_basic" in offered)
        return OAuth2Client(
            self.request, self.provider.client_id, self.provider.client_secret, "POST",
            document["token_endpoint"], settings.PORTAL_URL + reverse(CALLBACK, args=[self.provider.id]),
            basic_auth=basic and bool(self.provider.client_secret),
        )  # fmt: skip

    def _asking(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except RequestException as error:
            raise Refused(DOWN.format(provider=self.provider.name), why=f"{error}"[:300]) from error

    def _refused(self, why: str) -> Refused:
        return Refused(NOT_BELIEVED.format(provider=self.provider.name), why=why)


def _app(provider: OpenIDConnect) -> SocialApp:
    """As allauth wants to be told of a provider; it is never stored."""
    return SocialApp(
        provider="openid_connect", provider_id=provider.id, name=provider.name, client_id=provider.client_id,
        settings={"server_url": provider.issuer},
    )  # fmt: skip
