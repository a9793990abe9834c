"""A provider's wish to sign somebody out: only its own signature makes it one."""

from __future__ import annotations

import base64
import zlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_plus

import pytest
import xmlsec
from django.test import Client
from pytest_django import Settings

from portal.audit.models import AuditEvent
from tests import cast
from tests import saml_provider as saml
from tests.saml_provider import NS, key_of

pytestmark = pytest.mark.django_db
SLS = f"{saml.PORTAL}/accounts/saml/adfs/sls/"
PATH = "/accounts/saml/adfs/sls/"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RECORDED = Path(__file__).resolve().parents[5] / "shared/recorded/saml/python3-saml/logout_requests"


@pytest.fixture(autouse=True)
def adfs(settings: Settings) -> None:
    settings.PORTAL_URL = saml.PORTAL
    settings.IDENTITY_PROVIDERS = (saml.provider(keys=(key_of("portal"),)),)


@pytest.fixture
def ana() -> Client:
    """In a browser, signed in by the provider."""
    client = Client()
    answer = saml.sign(saml.Answer(in_response_to=saml.leave(client)).tree())
    assert saml.post(client, answer).status_code == 302
    return client


def wish(subject: str = "ana-7", destination: str = SLS, issuer: str = saml.ENTITY) -> str:
    text = (
        f'<samlp:LogoutRequest xmlns:samlp="{NS["samlp"]}" xmlns:saml="{NS["saml"]}" ID="_out" Version="2.0" '
        f'IssueInstant="{saml.instant(datetime.now(UTC))}" Destination="{destination}">'
        f"<saml:Issuer>{issuer}</saml:Issuer>"
        f'<saml:NameID Format="{saml.PERSISTENT}">{subject}</saml:NameID></samlp:LogoutRequest>'
    )
    return packed(text.encode())


def packed(text: bytes) -> str:
    pack = zlib.compressobj(wbits=-15)
    return base64.b64encode(pack.compress(text) + pack.flush()).decode()


def signed(request: str, key: str = "idp", algorithm: str = RSA_SHA256) -> str:
    query = f"SAMLRequest={quote_plus(request)}&RelayState=there&SigAlg={quote_plus(algorithm)}"
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key_of(key).private, xmlsec.KeyFormat.PEM, None)
    way = xmlsec.Transform.RSA_SHA256 if algorithm == RSA_SHA256 else xmlsec.Transform.RSA_SHA1
    return f"{query}&Signature={quote_plus(base64.b64encode(context.sign_binary(query.encode(), way)))}"


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_signed_wish_ends_the_session_and_leads_back(ana: Client) -> None:
    answer = ana.get(f"{PATH}?{signed(wish())}")
    assert not is_in(ana)
    assert answer["Location"].startswith("https://idp.example/slo?SAMLResponse=")
    assert "RelayState=there" in answer["Location"]
    assert "Signature=" in answer["Location"]


def test_it_ends_the_session_of_nobody_else(ana: Client) -> None:
    assert ana.get(f"{PATH}?{signed(wish(subject='bo-8'))}").status_code == 302
    assert is_in(ana)
    client = Client()
    client.force_login(cast.bo())
    client.get(f"{PATH}?{signed(wish())}")
    assert is_in(client)


WRONG = {
    "not signed": (lambda: f"SAMLRequest={quote_plus(wish())}", "is not signed"),
    "signed by a stranger": (lambda: signed(wish(), key="stranger"), "is not the provider's"),
    "signed by SHA-1": (
        lambda: signed(wish(), algorithm="http://www.w3.org/2000/09/xmldsig#rsa-sha1"), "which is not accepted",
    ),
    "changed": (lambda: signed(wish()).replace("there", "elsewhere"), "is not the provider's"),
    "for another place": (lambda: signed(wish(destination="https://other.example/")), "instead of"),
    "of another issuer": (lambda: signed(wish(issuer="https://evil.example")), "Invalid issuer"),
    "a bomb": (lambda: signed(packed(b" " * 5_000_000)), "unfolds to more than"),
    "nonsense": (lambda: signed("%%%"), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_wish_ends_nothing(ana: Client, what: str) -> None:
    query, why = WRONG[what]
    answer = ana.get(f"{PATH}?{query()}")
    assert answer.status_code == 403
    assert is_in(ana)
    assert why in AuditEvent.objects.filter(kind="sign_in.refused").latest("pk").summary


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded wishes at {RECORDED}")
def test_recorded_wishes_end_nothing(ana: Client) -> None:
    for path in sorted(found for found in RECORDED.rglob("*") if found.is_file()):
        text = path.read_text() if path.name.endswith("base64") else packed(path.read_bytes())
        assert ana.get(PATH, {"SAMLRequest": text}).status_code == 403, path.name
    assert is_in(ana)
