"""Recorded answers of other SAML libraries' tests, most of them altered on purpose: all are refused, and told why."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import settings as settings_of_django
from django.contrib.sessions.models import Session
from django.test import Client
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML
from pytest_django import Settings

from portal.access.models import User
from portal.audit.models import AuditEvent
from portal.federation.models import SeenAssertion
from portal.federation.refusal import Refused
from portal.federation.saml import answers, second_look, toolkit
from tests import saml_provider as saml

pytestmark = pytest.mark.django_db
RECORDED = Path(__file__).resolve().parents[5] / "shared/recorded/saml/python3-saml"
MOST_SECONDS = 1.0
needs_the_records = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded answers at {RECORDED}")


def recorded() -> list[Path]:
    return sorted(path for path in (RECORDED / "responses").rglob("*") if path.is_file())


def text_of(path: Path) -> str:
    """As a form would carry it."""
    found = path.read_text()
    return found if path.name.endswith(".base64") else base64.b64encode(found.encode()).decode()


@pytest.fixture(autouse=True)
def adfs(settings: Settings) -> None:
    """The provider whose key signed most of them, with the key of ours, so that the encrypted ones get as far."""
    certificate = re.sub(r"-----[A-Z ]+-----|\s", "", (RECORDED / "certs/sp.crt").read_text())
    settings.PORTAL_URL = saml.PORTAL
    issuer = "http://idp.example.com/"
    settings.IDENTITY_PROVIDERS = (
        saml.provider(
            issuer=issuer, certificates=(certificate,), keys=(saml.key_of("portal"),), idp_initiated=True
        ),
    )


@needs_the_records
def test_each_is_refused_quickly_with_its_reason_and_leaves_nothing() -> None:
    saml.leave(Client())
    sessions, whys = Session.objects.count(), {}
    assert len(recorded()) > 60
    for number, path in enumerate(recorded()):
        began = time.process_time()
        answer = saml.post(Client(), text_of(path), source=f"198.51.{number // 250}.{number % 250 + 1}")
        assert time.process_time() - began < MOST_SECONDS, path.name
        assert answer.status_code == 403, path.name
        event = AuditEvent.objects.latest("pk")
        assert (event.kind, AuditEvent.objects.count()) == ("sign_in.refused", number + 1), path.name
        whys[str(path.relative_to(RECORDED / "responses"))] = event.summary.partition("refused: ")[2]
    assert (User.objects.count(), SeenAssertion.objects.count(), Session.objects.count()) == (0, 0, sessions)
    assert {name: whys[name][: len(why)] for name, why in TOLD.items()} == TOLD
    assert all(len(why) > 10 for why in whys.values()), whys


# Of some, the reason that the trail tells, one for each kind.
TOLD = {
    "valid_response.xml.base64": "Deprecated signature algorithm found",
    "response_node_text_attack.xml.base64": "Deprecated signature algorithm found",
    "valid_encrypted_assertion.xml.base64": "its key is encrypted with http://www.w3.org/2001/04/xmlenc#rsa-1_5",
    "signed_encrypted_assertion2.xml.base64": "it is not encrypted for a key that the portal has",
    "expired_response.xml.base64": "Could not validate timestamp: expired",
    "unsigned_response.xml.base64": "The response was received at",
    "unsigned_assertion.xml.base64": "Namespace prefix saml on Assertion is not defined",
    "wrapped_response_2.xml.base64": "Invalid Signature Element",
    "invalids/signature_wrapping_attack.xml.base64": "SAML Response must contain 1 assertion",
    "invalids/multiple_assertions.xml.base64": "SAML Response must contain 1 assertion",
    "invalids/no_status.xml.base64": "Missing Status on response",
    "invalids/no_saml2.xml.base64": "Unsupported SAML version",
    "invalids/no_id.xml.base64": "Missing ID attribute",
    "invalids/encrypted_attrs.xml.base64": "There is an EncryptedAttribute",
    "invalids/status_code_responder.xml.base64": "The status code of the Response was not Success",
}


def judged_further(path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The reason of the refusal where SHA-1 counts, the clock stands within the answer's time, and the portal is the
    one that the answer names; '' where it is taken."""
    encoded = text_of(path)
    try:
        tree = OneLogin_Saml2_XML.to_etree(base64.b64decode(encoded))
    except (ValueError, SyntaxError) as error:
        return str(error)
    acs, audience = tree.get("Destination", ""), (tree.findtext(".//{*}Audience") or "").strip()
    begins = (tree.xpath("//*[local-name()='Conditions']/@NotBefore") or ["2014-03-21T13:42:31Z"])[0]
    provider = settings_of_django.IDENTITY_PROVIDERS[0]
    issuer = (tree.findtext(".//{*}Assertion/{*}Issuer") or "").strip() or provider.issuer
    believed = replace(provider, issuer=issuer, subject_attribute="uid")
    for module in (toolkit, answers):
        monkeypatch.setattr(module, "address", lambda _, view: acs if view == "acs" else f"{acs}?{view}")
        monkeypatch.setattr(module, "entity_id", lambda _: audience)
    with time_machine.travel(datetime.fromisoformat(begins[:19]).replace(tzinfo=UTC) + timedelta(seconds=60)):
        try:
            answers.read(believed, encoded)
        except Refused as refusal:
            return refusal.why
    return ""


@needs_the_records
def test_judged_further_exactly_the_untampered_ones_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(toolkit.SECURITY, "rejectDeprecatedAlgorithm", False)
    monkeypatch.setattr(second_look, "SIGNATURES", {*second_look.SIGNATURES, f"{second_look.DSIG}rsa-sha1"})
    monkeypatch.setattr(second_look, "DIGESTS", {*second_look.DIGESTS, f"{second_look.DSIG}sha1"})
    whys = {
        str(path.relative_to(RECORDED / "responses")): judged_further(path, monkeypatch)
        for path in recorded()
    }
    assert {name for name, why in whys.items() if not why} == UNTAMPERED


# Signed by the key whose certificate lies beside them, and not altered since.
UNTAMPERED = {
    "double_signed_response.xml.base64",
    "signed_assertion_response.xml.base64",
    "valid_response.xml.base64",
    "valid_response_with_namequalifier.xml.base64",
}
