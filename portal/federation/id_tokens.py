"""Whether an ID token is what it says: signed by the provider, for this portal, for this sign-in, and of now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jwt

from portal.federation.discovery import key_of
from portal.federation.fetching import BoundedSession
from portal.federation.refusal import NOT_BELIEVED, Refused
from portal.identity_providers.kinds import OpenIDConnect

# Signed by a key that only the provider has: neither "none" nor a secret that both sides know.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
CLOCKS_DIFFER_S = 60
LONGEST = 100_000


def verified(
    token: Any, *, provider: OpenIDConnect, keys_address: str, nonce: str, session: BoundedSession
) -> dict[str, Any]:
    """The claims of the token. Raises Refused with the true reason.

    The signature is checked although the token came over TLS: OpenID Connect allows to leave that out, at no gain.
    """
    try:
        claims = _decoded(token, provider, keys_address, session)
    except jwt.PyJWTError as error:
        raise _refused(provider, f"the ID token is not valid: {error}") from error
    if claims.get("nonce") != nonce:
        raise _refused(provider, "the ID token belongs to another sign-in (its nonce differs)")
    if claims.get("azp", provider.client_id) != provider.client_id:
        raise _refused(provider, f"the ID token was made for another client, {claims['azp']!r:.100}")
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and "azp" not in claims:
        raise _refused(provider, "the ID token is meant for several clients and does not say for which")
    return claims


def authenticated_at(claims: dict[str, Any]) -> datetime | None:
    """When the person last signed in at the provider; None where the token does not say so in earnest."""
    said, now = claims.get("auth_time"), datetime.now(UTC).timestamp()
    if not isinstance(said, int | float) or isinstance(said, bool) or not 0 < said <= now + CLOCKS_DIFFER_S:
        return None
    return datetime.fromtimestamp(said, tz=UTC)


def _decoded(
    token: Any, provider: OpenIDConnect, keys_address: str, session: BoundedSession
) -> dict[str, Any]:
    if not isinstance(token, str) or len(token) > LONGEST:
        raise _refused(provider, "the provider sent no ID token, or one that is too long")
    header = jwt.get_unverified_header(token)
    if header.get("alg") not in ALGORITHMS:
        raise _refused(
            provider, f"the ID token is signed with {header.get('alg')!r:.40}, which is not accepted"
        )
    key = key_of(provider, keys_address, header.get("kid"), session)
    return jwt.decode(
        token, key.key, algorithms=[header["alg"]], audience=provider.client_id, issuer=provider.issuer,
        leeway=CLOCKS_DIFFER_S, options={"require": ["iss", "sub", "aud", "exp", "iat"]},
    )  # fmt: skip


def _refused(provider: OpenIDConnect, why: str) -> Refused:
    return Refused(NOT_BELIEVED.format(provider=provider.name), why=why)
