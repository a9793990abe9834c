"""What python3-saml lets pass and the portal does not: asked of an answer whose signature is valid already.

It takes an answer without audience, recipient, destination or end; it compares addresses by their beginnings; it
refuses known bad algorithms where only known good ones should pass; and it believes an InResponseTo that nobody signed.
docs/adr/0099 has the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from lxml import etree
from onelogin.saml2.xml_utils import OneLogin_Saml2_XML

ASSERTION, PROTOCOL = "urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:2.0:protocol"
DSIG, XENC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmlenc#"
MORE, XENC11 = "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2009/xmlenc11#"
NAMES = {"saml": ASSERTION, "samlp": PROTOCOL, "ds": DSIG, "xenc": XENC}
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
TRANSFORMS = {f"{DSIG}enveloped-signature", EXCLUSIVE}
SIGNATURES = {f"{MORE}{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)}
DIGESTS = {f"{XENC}sha256", f"{XENC}sha512", f"{MORE}sha384"}
# RSA with PKCS 1.5 padding tells a key apart by the way it fails.
KEY_TRANSPORTS = {f"{XENC}rsa-oaep-mgf1p", f"{XENC11}rsa-oaep"}
CLOCKS_DIFFER = timedelta(seconds=60)
IDS = ("ID", "Id", "id", "{http://www.w3.org/XML/1998/namespace}id")
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"


class Doubtful(ValueError):
    """`str()` is what is wrong with the answer."""


def check_structure(document: etree._Element) -> None:
    """That what was signed is what will be read. Raises Doubtful."""
    _check_ids(document)
    if document.xpath("//ds:Object | //samlp:Extensions | //ds:Manifest", namespaces=NAMES):
        raise Doubtful("the answer holds a place in which a second assertion could hide")
    if document.xpath("//saml:AttributeValue/*[not(self::saml:NameID)]", namespaces=NAMES):
        raise Doubtful("a value holds elements, so that a part of it would be read")
    for signature in document.xpath("//ds:Signature", namespaces=NAMES):
        _check_signature(signature)


def check_encryption(document: etree._Element) -> None:
    """That a key was handed over in a way that does not betray it. Asked before anything is decrypted."""
    ways = set(document.xpath("//xenc:EncryptedKey/xenc:EncryptionMethod/@Algorithm", namespaces=NAMES))
    if strange := ways - KEY_TRANSPORTS:
        raise Doubtful(f"its key is encrypted with {sorted(strange)[0]}, which is not accepted")


def check_addressed(document: etree._Element, *, acs: str, audience: str) -> None:
    """That it is meant for this portal, at this address, and for a while only. Raises Doubtful."""
    if not (document.findtext(f"{{{ASSERTION}}}Issuer") or "").strip():
        raise Doubtful("the message does not say who sent it")
    if document.get("Destination") != acs:
        raise Doubtful(f"its destination is {document.get('Destination')!r:.200}, not {acs}")
    assertion = the_assertion(document)
    restrictions = assertion.xpath("saml:Conditions/saml:AudienceRestriction", namespaces=NAMES)
    if not restrictions:
        raise Doubtful("it names no audience, so it could be meant for anybody")
    for restriction in restrictions:  # each of them must be met
        if audience not in [
            (named.text or "").strip() for named in restriction.findall(f"{{{ASSERTION}}}Audience")
        ]:
            raise Doubtful(f"{audience} is not among its audiences")
    _confirmation(assertion, acs)


def in_response_to(document: etree._Element, acs: str) -> str:
    """The request that the signed part answers; '' where it answers none. Raises Doubtful where the two differ."""
    signed = _confirmation(the_assertion(document), acs).get("InResponseTo", "")
    said = document.get("InResponseTo", "")
    if signed != said:
        raise Doubtful(f"the message answers {said!r:.100}, the signed assertion {signed!r:.100}")
    return signed


def authenticated_at(document: etree._Element) -> datetime | None:
    """When the subject last signed in at the provider; None where the signed part does not say so in earnest."""
    try:
        said = the_assertion(document).xpath("saml:AuthnStatement/@AuthnInstant", namespaces=NAMES)
        found = min(datetime.fromisoformat(one) for one in said)
        return found if found <= datetime.now(UTC) + CLOCKS_DIFFER else None
    except (ValueError, TypeError):  # none, no time, or one without a zone
        return None


def attribute(text: bytes, name: str) -> str | None:
    """Of the outermost element of a text that was parsed without harm already."""
    return OneLogin_Saml2_XML.to_etree(text).get(name)


def the_assertion(document: etree._Element) -> etree._Element:
    found = document.findall(f"{{{ASSERTION}}}Assertion")
    if len(found) != 1 or found[0].find(f"{{{DSIG}}}Signature") is None:
        raise Doubtful("it does not hold exactly one assertion that is signed itself")
    return found[0]


def _confirmation(assertion: etree._Element, acs: str) -> etree._Element:
    """The data of the bearer's confirmation for this address; it must end."""
    path = f"saml:Subject/saml:SubjectConfirmation[@Method='{BEARER}']/saml:SubjectConfirmationData"
    for data in assertion.xpath(path, namespaces=NAMES):
        if data.get("Recipient") == acs and data.get("NotOnOrAfter"):
            return data
    raise Doubtful(f"no confirmation of its subject has the recipient {acs} and an end")


def _check_ids(document: etree._Element) -> None:
    found = [element.get(name) for element in _elements(document) for name in IDS if element.get(name)]
    if len(found) != len(set(found)):
        raise Doubtful("two of its elements have the same id")


def _check_signature(signature: etree._Element) -> None:
    parent = signature.getparent()
    references = signature.findall(f"{{{DSIG}}}SignedInfo/{{{DSIG}}}Reference")
    if len(references) != 1 or not parent.get("ID") or references[0].get("URI") != f"#{parent.get('ID')}":
        raise Doubtful("a signature does not refer to exactly the element that holds it")
    for path, allowed in (
        ("ds:SignedInfo/ds:CanonicalizationMethod", {EXCLUSIVE}),
        ("ds:SignedInfo/ds:SignatureMethod", SIGNATURES),
        ("ds:SignedInfo/ds:Reference/ds:Transforms/ds:Transform", TRANSFORMS),
        ("ds:SignedInfo/ds:Reference/ds:DigestMethod", DIGESTS),
    ):
        for element in signature.xpath(path, namespaces=NAMES):
            if element.get("Algorithm") not in allowed:
                raise Doubtful(f"a signature uses {element.get('Algorithm')!r:.100}, which is not accepted")


def _elements(document: etree._Element) -> Iterator[etree._Element]:
    return (element for element in document.iter() if isinstance(element.tag, str))
