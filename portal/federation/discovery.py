"""What an OpenID Connect provider publishes: its discovery document and its keys, kept for a while."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
from django.core.cache import cache

from portal.federation.fetching import BoundedSession, NotFetched
from portal.federation.refusal import NOT_BELIEVED, Refused
from portal.identity_providers.kinds import OpenIDConnect, is_safe

KEPT_S = 600
# A key that is not among the kept ones is looked up anew at most so often: anybody can name one.
NEW_KEYS_AFTER_S = 30
WELL_KNOWN = "/.well-known/openid-configuration"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
Document = dict[str, Any]


def document_of(provider: OpenIDConnect, session: BoundedSession) -> Document:
    """Raises Refused where it names another issuer or lacks an endpoint, NotFetched where there is none."""
    address = provider.issuer.rstrip("/") + WELL_KNOWN
    found = _kept("document", address, session)
    if found.get("issuer") != provider.issuer:
        raise _wrong(provider, f"{address} speaks for {found.get('issuer')!r}, not for {provider.issuer!r}")
    for name in ENDPOINTS:
        if not is_safe(str(found.get(name, ""))):
            raise _wrong(provider, f"{address} names no safe {name}")
    return found


def key_of(provider: OpenIDConnect, keys_address: str, kid: str | None, session: BoundedSession) -> jwt.PyJWK:
    """The key of this id; without an id the only one there is. Raises Refused where there is none."""
    found = _among(_kept("keys", keys_address, session), kid)
    if found is None and cache.add(kept_as("keys-asked", keys_address), True, NEW_KEYS_AFTER_S):
        keys = _json(session, keys_address)
        cache.set(kept_as("keys", keys_address), keys, KEPT_S)
        found = _among(keys, kid)
    if found is None:
        raise _wrong(provider, f"no key of the provider has the id {kid!r:.100}")
    return found


def _among(keys: Document, kid: str | None) -> jwt.PyJWK | None:
    listed = keys.get("keys")
    known = [key for key in listed if isinstance(key, dict)] if isinstance(listed, list) else []
    signing = [key for key in known if key.get("use", "sig") == "sig"]
    fitting = [key for key in signing if kid is None or key.get("kid") == kid]
    if len(fitting) != 1 or fitting[0].get("kty") == "oct":  # a shared secret proves nothing
        return None
    try:
        return jwt.PyJWK(fitting[0])
    except jwt.PyJWTError:
        return None


def _kept(what: str, address: str, session: BoundedSession) -> Document:
    """What was found there within KEPT_S, else what is found there now."""
    key = kept_as(what, address)
    found: Document | None = cache.get(key)
    if found is None:
        found = _json(session, address)
        cache.set(key, found, KEPT_S)
    return found


def _json(session: BoundedSession, address: str) -> Document:
    answer = session.get(address)
    if answer.status_code != 200:
        raise NotFetched(f"{address} answers with status {answer.status_code}")
    try:
        found = json.loads(answer.content)
    except ValueError as error:
        raise NotFetched(f"{address} does not answer with JSON") from error
    if not isinstance(found, dict):
        raise NotFetched(f"{address} does not answer with an object")
    return found


def kept_as(what: str, address: str) -> str:
    return f"oidc-{what}:{hashlib.sha256(address.encode()).hexdigest()}"


def _wrong(provider: OpenIDConnect, why: str) -> Refused:
    return Refused(NOT_BELIEVED.format(provider=provider.name), why=why)
