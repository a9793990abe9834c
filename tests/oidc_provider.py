"""A scripted OpenID Connect provider on this machine: it keeps PKCE, and says whatever a test wants it to say."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.cache import cache
from django.test import Client

from portal.federation.discovery import kept_as
from portal.identity_providers.kinds import EVERYBODY, OpenIDConnect

CLIENT, SECRET = "patch-portal", "the-secret-of-the-test"


@lru_cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OidcProvider:
    """`claims` go into the ID token, `userinfo` is answered beside them; `header` and `signed_by` forge the token.

    `broken` names endpoints that answer 500; `document` changes the discovery document.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "subject-of-ana", "email": "ana@example.com"}
        self.userinfo: dict[str, Any] | None = {}
        self.header: dict[str, Any] = {"kid": "one", "alg": "RS256"}
        self.signed_by: Any = rsa_key("one")
        self.broken: set[str] = set()
        self.document: dict[str, Any] = {}
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settings(self, **facts: Any) -> OpenIDConnect:
        defaults = {
            "id": "okta", "name": "Okta", "newcomers": EVERYBODY, "issuer": self.issuer, "client_id": CLIENT,
            "client_secret": SECRET,
        }  # fmt: skip
        return OpenIDConnect(**(defaults | facts))

    def sign_in(self, client: Client, *, at: str = "okta", next_url: str = "") -> Any:
        """Goes there and back, as a browser would; the answer of the callback."""
        return self.come_back(client, self.leave(client, at=at, next_url=next_url))

    def leave(
        self, client: Client, *, at: str = "okta", next_url: str = "", query: dict[str, str] | None = None
    ) -> dict[str, str]:
        """What the portal sends along to the provider."""
        answer = client.get(f"/accounts/with/{at}/", ({"next": next_url} if next_url else {}) | (query or {}))
        assert answer.status_code == 302, answer.content.decode()
        return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}

    def forget(self) -> None:
        """What the portal keeps of it is asked anew."""
        for what, path in (("document", "/.well-known/openid-configuration"), ("keys", "/keys")):
            cache.delete(kept_as(what, self.issuer + path))

    def come_back(self, client: Client, sent: dict[str, str], **changed: str) -> Any:
        self._codes["the-code"] = sent
        query = {"code": "the-code", "state": sent["state"]} | changed
        return client.get(urlsplit(sent["redirect_uri"]).path, query)

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        self.asked.append(path)
        if path.rpartition("/")[2] in self.broken:
            return 500, {}
        if path == "/.well-known/openid-configuration":
            return 200, self._document()
        if path == "/keys":
            return 200, {"keys": [_public("one"), _public("two")]}
        if path == "/token":
            return self._token(form, authorization)
        return (200, {"sub": self.claims["sub"]} | self.userinfo) if self.userinfo is not None else (404, {})

    def _document(self) -> dict[str, Any]:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys",
                "userinfo_endpoint": "userinfo"}  # fmt: skip
        found = {name: f"{self.issuer}/{path}" for name, path in ends.items()}
        return {"issuer": self.issuer, **found} | self.document

    def _token(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        sent = self._codes.pop(form.get("code", ""), None)
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if sent is None or authorization != basic or form["redirect_uri"] != sent["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != sent["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "an-access-token",
            "token_type": "Bearer",
            "id_token": self._id_token(sent),
        }

    def _id_token(self, sent: dict[str, str]) -> str:
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": sent["nonce"]}
        said = {name: value for name, value in (usual | self.claims).items() if value is not None}
        header = {name: value for name, value in self.header.items() if name != "alg"}
        return jwt.encode(said, self.signed_by, algorithm=self.header["alg"], headers=header)


def _public(kid: str) -> dict[str, Any]:
    found = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(kid).public_key()))
    return {**found, "kid": kid, "use": "sig"}


def _handler(provider: OidcProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply({})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._reply({name: values[0] for name, values in parse_qs(text).items()})

        def _reply(self, form: dict[str, str]) -> None:
            status, said = provider.answer(self.path, form, self.headers.get("Authorization", ""))
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return Handler
