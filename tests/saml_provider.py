"""A SAML provider that signs whatever a test wants it to say, right or wrong."""

from __future__ import annotations

import base64
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from django.test import Client
from lxml import etree

from portal.identity_providers.kinds import EVERYBODY, Key, Saml
from tests.oidc_provider import rsa_key

ENTITY = "https://idp.example/saml"
PORTAL = "http://testserver"
ACS, AUDIENCE = f"{PORTAL}/accounts/saml/adfs/acs/", f"{PORTAL}/accounts/saml/adfs/metadata/"
NS = {"saml": "urn:oasis:names:tc:SAML:2.0:assertion", "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
      "ds": "http://www.w3.org/2000/09/xmldsig#"}  # fmt: skip
FORM = "application/x-www-form-urlencoded"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"


@cache
def key_of(name: str) -> Key:
    """A private key with a certificate of its own."""
    private = rsa_key(name)
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named).issuer_name(named).public_key(private.public_key())
        .serial_number(7).not_valid_before(begin).not_valid_after(begin + timedelta(days=9000))
        .sign(private, hashes.SHA256())
    )  # fmt: skip
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Key(
        private=pem.decode(), certificate=certificate.public_bytes(serialization.Encoding.PEM).decode()
    )


def bare(certificate: str) -> str:
    return re.sub(r"-----[A-Z ]+-----|\s", "", certificate)


def provider(**facts: Any) -> Saml:
    """As the portal knows it."""
    defaults: dict[str, Any] = {
        "id": "adfs", "name": "ADFS", "newcomers": EVERYBODY, "issuer": ENTITY, "sso_url": "https://idp.example/sso",
        "slo_url": "https://idp.example/slo", "certificates": (bare(key_of("idp").certificate),),
    }  # fmt: skip
    return Saml(**(defaults | facts))


@dataclass
class Answer:
    """What an answer says; each field may be wrong. A `None` leaves its attribute or element out."""

    in_response_to: str | None = None
    signed_in_response_to: str | None = "the same"
    issuer: str = ENTITY
    destination: str | None = ACS
    recipient: str | None = ACS
    audience: str | None = AUDIENCE
    name_id: str = "ana-7"
    name_format: str = PERSISTENT
    assertion_id: str = "_assertion-1"
    response_id: str = "_response-1"
    begins: timedelta = timedelta(minutes=-1)
    ends: timedelta = timedelta(minutes=5)
    confirmation_ends: timedelta | None = timedelta(minutes=5)
    attributes: str = (
        '<saml:Attribute Name="groups"><saml:AttributeValue>staff</saml:AttributeValue></saml:Attribute>'
    )
    extra: str = ""  # before the assertion

    def tree(self) -> etree._Element:
        now = datetime.now(UTC)
        asked = self.in_response_to
        signed = asked if self.signed_in_response_to == "the same" else self.signed_in_response_to
        confirmation = attributes(
            InResponseTo=signed, Recipient=self.recipient,
            NotOnOrAfter=self.confirmation_ends and instant(now + self.confirmation_ends),
        )  # fmt: skip
        audience = self.audience and (
            f"<saml:AudienceRestriction><saml:Audience>{self.audience}</saml:Audience></saml:AudienceRestriction>"
        )
        outer = attributes(
            ID=self.response_id,
            Version="2.0",
            IssueInstant=instant(now),
            InResponseTo=asked,
            Destination=self.destination,
        )
        inner = attributes(ID=self.assertion_id, Version="2.0", IssueInstant=instant(now))
        period = attributes(NotBefore=instant(now + self.begins), NotOnOrAfter=instant(now + self.ends))
        return etree.fromstring(f"""<samlp:Response xmlns:samlp="{NS["samlp"]}" xmlns:saml="{NS["saml"]}" {outer}>
<saml:Issuer>{self.issuer}</saml:Issuer>{self.extra}
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
<saml:Assertion xmlns:saml="{NS["saml"]}" {inner}><saml:Issuer>{self.issuer}</saml:Issuer>
<saml:Subject><saml:NameID Format="{self.name_format}">{self.name_id}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData {confirmation}/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions {period}>{audience or ""}</saml:Conditions>
<saml:AuthnStatement AuthnInstant="{instant(now)}"><saml:AuthnContext>
<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified</saml:AuthnContextClassRef>
</saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement>{self.attributes}</saml:AttributeStatement></saml:Assertion></samlp:Response>""")


def instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def attributes(**named: str | None) -> str:
    return " ".join(f'{name}="{value}"' for name, value in named.items() if value is not None)


def assertion_of(tree: etree._Element) -> etree._Element:
    return tree.find(f"{{{NS['saml']}}}Assertion")


def sign(
    tree: etree._Element, *, key: str = "idp", what: str = "assertion", method: Any = xmlsec.Transform.RSA_SHA256,
    digest: Any = xmlsec.Transform.SHA256, canonical: Any = xmlsec.Transform.EXCL_C14N, uri: str | None = None,
) -> etree._Element:  # fmt: skip
    """Signs the assertion or the message, behind its issuer."""
    element = assertion_of(tree) if what == "assertion" else tree
    signature = xmlsec.template.create(element, canonical, method, ns="ds")
    element.find(f"{{{NS['saml']}}}Issuer").addnext(signature)
    reference = xmlsec.template.add_reference(
        signature, digest, uri=uri if uri is not None else f"#{element.get('ID')}"
    )
    xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
    xmlsec.tree.add_ids(tree, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key_of(key).private, xmlsec.KeyFormat.PEM, None)
    context.key.load_cert_from_memory(key_of(key).certificate, xmlsec.KeyFormat.CERT_PEM)
    context.sign(signature)
    return tree


def encrypt(
    tree: etree._Element, *, key: str = "portal", transport: Any = xmlsec.Transform.RSA_OAEP
) -> etree._Element:
    """Puts the assertion behind the portal's public key."""
    assertion = assertion_of(tree)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(key_of(key).certificate, xmlsec.KeyFormat.CERT_PEM, None))
    data = xmlsec.template.encrypted_data_create(
        assertion, xmlsec.Transform.AES256, type=xmlsec.EncryptionType.ELEMENT, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    xmlsec.template.encrypted_data_ensure_cipher_value(xmlsec.template.add_encrypted_key(info, transport))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.KeyData.AES, 256, xmlsec.KeyDataType.SESSION)
    wrapped = etree.SubElement(tree, f"{{{NS['saml']}}}EncryptedAssertion")
    assertion.addprevious(wrapped)
    wrapped.append(context.encrypt_xml(data, assertion))
    return tree


def encoded(tree: etree._Element | bytes) -> str:
    text = tree if isinstance(tree, bytes) else etree.tostring(tree)
    return base64.b64encode(text).decode()


def leave(client: Client) -> str:
    """Starts a sign-in; the id of the portal's request."""
    answer = client.get("/accounts/with/adfs/")
    assert answer.status_code == 302, answer.content.decode()
    query = parse_qs(urlsplit(answer["Location"]).query)
    text = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -15)
    return str(etree.fromstring(text).get("ID"))


def post(client: Client, answer: etree._Element | bytes | str, source: str = "127.0.0.1") -> Any:
    """As the provider's page does: from another site, so that the browser brings no session along."""
    text = answer if isinstance(answer, str) else encoded(answer)
    stranger = Client(REMOTE_ADDR=source)
    taken = stranger.post("/accounts/saml/adfs/acs/", urlencode({"SAMLResponse": text}), content_type=FORM)
    if taken.status_code != 303:
        return taken
    client.cookies.update(stranger.cookies)
    return client.get(taken["Location"])
