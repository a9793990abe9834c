"""nanoidp, a foreign identity provider, on this machine: OpenID Connect and SAML, with the people of a test.

Run as a program it is nanoidp itself, with one fault mended: it puts an assertion's signature last, where the schema
wants it behind the issuer.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from socket import socket
from typing import Any

import yaml

CLIENT, SECRET, PASSWORD = "patch-portal", "the-secret-of-the-portal", "their-password-there"
START_WITHIN_S = 30.0


class NanoIdp:
    """`people`: name → groups. Every one of them has PASSWORD."""

    def __init__(self, folder: Path, *, portal: str, people: dict[str, list[str]]) -> None:
        self.folder, self.portal = folder, portal
        with closing(socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._write(people)
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--config", str(folder), "--port", str(self.port)],
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._wait()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        self._log.close()

    def metadata(self) -> str:
        with urllib.request.urlopen(f"{self.url}/saml/metadata", timeout=10) as answer:
            return str(answer.read().decode())

    def providers(self) -> list[dict[str, Any]]:
        """As IDENTITY_PROVIDERS_FILE names it, once for each protocol; beside the metadata that it needs."""
        (self.folder / "metadata.xml").write_text(self.metadata())
        return [
            {"id": "foreign-oidc", "name": "Foreign OIDC", "protocol": "oidc", "issuer": self.url, "client_id": CLIENT,
             "client_secret": SECRET},
            {"id": "foreign-saml", "name": "Foreign SAML", "protocol": "saml", "metadata_file": "metadata.xml"},
        ]  # fmt: skip

    def _write(self, people: dict[str, list[str]]) -> None:
        client = {"client_id": CLIENT, "client_secret": SECRET,
                  "redirect_uris": [f"{self.portal}/accounts/oidc/foreign-oidc/login/callback/"]}  # fmt: skip
        settings = {
            "oauth": {"issuer": self.url, "require_pkce": True, "clients": [client]},
            "saml": {
                "entity_id": f"{self.url}/saml",
                "sso_url": f"{self.url}/saml/sso",
                "export_groups": True,
            },
            "jwt": {"keys_dir": str(self.folder / "keys")},
            "session": {"enforce_password_check": True},
        }
        users = {name: {"password": PASSWORD, "groups": groups, "email": f"{name}@foreign.example"}
                 for name, groups in people.items()}  # fmt: skip
        (self.folder / "settings.yaml").write_text(yaml.safe_dump(settings))
        (self.folder / "users.yaml").write_text(yaml.safe_dump({"users": users}))

    def _wait(self) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while True:
            try:
                self.metadata()
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()[-2000:]) from None
                time.sleep(0.05)
            else:
                return


def sign_behind_the_issuer() -> None:
    """signxml puts a signature where an empty one stands already."""
    from lxml import etree
    from signxml import XMLSigner

    usual = XMLSigner.sign

    def sign(self: Any, data: Any, *args: Any, **named: Any) -> Any:
        place = etree.Element("{http://www.w3.org/2000/09/xmldsig#}Signature", Id="placeholder")
        data.find("{urn:oasis:names:tc:SAML:2.0:assertion}Issuer").addnext(place)
        return usual(self, data, *args, **named)

    XMLSigner.sign = sign


if __name__ == "__main__":
    sign_behind_the_issuer()
    from nanoidp.__main__ import main

    main()
