"""What is known of an identity provider, of either protocol."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
NOBODY, WITH_A_ROLE, EVERYBODY = "nobody", "with_a_role", "everybody"


@dataclass(frozen=True, kw_only=True)
class IdentityProvider:
    """`issuer` is the name under which it vouches: a person is matched by it and by the subject, never by the `id`."""

    id: str
    name: str
    issuer: str
    domains: tuple[str, ...] = ()
    newcomers: str = WITH_A_ROLE
    links_by_email: bool = False

    def proves_addresses_of(self, domain: str) -> bool:
        """Whether the portal believes it about addresses of this domain at all."""
        return self.links_by_email and domain.lower() in self.domains


@dataclass(frozen=True, kw_only=True)
class OpenIDConnect(IdentityProvider):
    """Found by the discovery document below its issuer. PKCE is always used; a public client has no secret."""

    client_id: str
    client_secret: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    client_authentication: str = ""  # '': as the discovery document says

    protocol = "OpenID Connect"


@dataclass(frozen=True, kw_only=True)
class Key:
    """A private key of the portal and its certificate, as PEM: it signs requests and decrypts answers."""

    private: str
    certificate: str


@dataclass(frozen=True, kw_only=True)
class Saml(IdentityProvider):
    """`issuer` is its entity id. All of its `certificates` count, and all `keys` of ours: both sides change theirs with
    an overlap. The first key signs; each is tried on what is encrypted."""

    sso_url: str
    certificates: tuple[str, ...]
    slo_url: str = ""
    keys: tuple[Key, ...] = ()
    subject_attribute: str = ""  # '': the NameID
    idp_initiated: bool = False
    wants_encrypted: bool = False

    protocol = "SAML 2.0"


def is_safe(address: str) -> bool:
    """Only what is encrypted on its way is believed, or comes from this very machine."""
    parts = urlsplit(address)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    )
