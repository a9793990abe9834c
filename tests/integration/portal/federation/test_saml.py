"""Signing in by SAML: what a good answer does, and what every wrong one does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import xmlsec
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from lxml import etree
from pytest_django import Settings

from portal.access.models import User
from portal.audit.models import AuditEvent
from portal.federation.models import SeenAssertion
from tests import saml_provider as saml
from tests.saml_provider import Answer, encrypt, key_of, leave, post, sign

pytestmark = pytest.mark.django_db
PORTALS_KEYS = (key_of("portal"),)


@pytest.fixture(autouse=True)
def adfs(settings: Settings) -> None:
    settings.PORTAL_URL = saml.PORTAL
    settings.IDENTITY_PROVIDERS = (saml.provider(),)


def set_up(settings: Settings, **facts: Any) -> None:
    settings.IDENTITY_PROVIDERS = (saml.provider(**facts),)


def who(client: Client) -> str:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).username if pk else ""


def reason() -> str:
    return AuditEvent.objects.filter(kind="sign_in.refused").latest("pk").summary


def test_a_good_answer_signs_the_person_in() -> None:
    client = Client()
    answer = post(client, sign(Answer(in_response_to=leave(client)).tree()))
    assert (answer.status_code, who(client)) == (302, "ana-7")
    identity = SocialAccount.objects.get()
    assert (identity.provider, identity.uid) == (saml.ENTITY, "ana-7")
    assert identity.extra_data == {"groups": ["staff"]}
    assert "saml_proven" not in {name for name, cookie in client.cookies.items() if cookie.value}


def test_nothing_of_the_post_is_kept_but_what_it_proves() -> None:
    from django.contrib.sessions.models import Session

    client = Client()
    request_id = leave(client)
    before = Session.objects.count()
    stranger = Client()
    stranger.cookies["secret"] = "of-the-browser"
    stranger.post("/accounts/saml/adfs/acs/", {"SAMLResponse": "x" * 1000})
    assert Session.objects.count() == before
    assert post(client, sign(Answer(in_response_to=request_id).tree())).status_code == 302


def test_the_same_answer_is_never_taken_twice() -> None:
    client, again = Client(), Client()
    answer = sign(Answer(in_response_to=leave(client)).tree())
    assert post(client, answer).status_code == 302
    for browser in (client, again):
        assert post(browser, answer).status_code == 403
        assert "taken already" in reason()
    assert SeenAssertion.objects.count() == 1


def test_an_answer_to_another_browsers_request_lets_nobody_in() -> None:
    mine, other = Client(), Client()
    request_id = leave(mine)
    leave(other)
    assert post(other, sign(Answer(in_response_to=request_id).tree())).status_code == 403
    assert "no request that this browser was sent away with" in reason()
    assert who(other) == ""


def test_an_encrypted_answer_is_read_by_either_of_our_keys(settings: Settings) -> None:
    for number, name in enumerate(("portal", "portal's old one")):
        set_up(settings, keys=(key_of("portal"), key_of("portal's old one")), wants_encrypted=True)
        client = Client()
        said = Answer(in_response_to=leave(client), assertion_id=f"_a{number}").tree()
        assert post(client, encrypt(sign(said), key=name)).status_code == 302, reason()
        assert who(client) == "ana-7"


@pytest.mark.parametrize("name", ["idp", "idp's next one"])
def test_the_provider_may_change_its_certificate_with_an_overlap(settings: Settings, name: str) -> None:
    certificates = tuple(saml.bare(key_of(each).certificate) for each in ("idp", "idp's next one"))
    set_up(settings, certificates=certificates)
    client = Client()
    assert post(client, sign(Answer(in_response_to=leave(client)).tree(), key=name)).status_code == 302


def test_a_sign_in_begun_at_the_provider_only_where_it_is_switched_on(settings: Settings) -> None:
    client = Client()
    assert post(client, sign(Answer().tree())).status_code == 403
    assert "switched off" in reason()
    set_up(settings, idp_initiated=True)
    assert post(client, sign(Answer(assertion_id="_other").tree())).status_code == 302
    assert who(client) == "ana-7"


def sha1(tree: etree._Element) -> etree._Element:
    return sign(tree, method=xmlsec.Transform.RSA_SHA1, digest=xmlsec.Transform.SHA1)


def relative_namespace(tree: etree._Element) -> bytes:
    return etree.tostring(sign(tree)).replace(b"<samlp:Status>", b'<samlp:Status xmlns:x="1">')


def changed_after(tree: etree._Element) -> etree._Element:
    sign(tree)
    saml.assertion_of(tree).find(".//{*}NameID").text = "ada"
    return tree


# What is wrong → (what the answer says, how it is signed, the reason in the audit trail).
WRONG: dict[str, tuple[dict[str, Any], Callable[[etree._Element], etree._Element | bytes], str]] = {
    "no signature": ({}, lambda tree: tree, "not signed"),
    "a stranger's signature": ({}, lambda tree: sign(tree, key="stranger"), "Signature validation failed"),
    "changed after it was signed": ({}, changed_after, "Signature validation failed"),
    "SHA-1": ({}, sha1, "Deprecated signature algorithm"),
    "a digest of SHA-1": ({}, lambda tree: sign(tree, digest=xmlsec.Transform.SHA1), "Deprecated digest algorithm"),
    "inclusive canonicalization": (
        {}, lambda tree: sign(tree, canonical=xmlsec.Transform.C14N), "REC-xml-c14n-20010315",
    ),
    "the message alone is signed": ({}, lambda tree: sign(tree, what="message"), "Response is not signed"),
    "a signature of everything": ({}, lambda tree: sign(tree, uri=""), "must include a Conditions element"),
    "another issuer": ({"issuer": "https://evil.example"}, sign, "Invalid issuer"),
    "another audience": ({"audience": "https://other.example"}, sign, "not a valid audience"),
    "no audience": ({"audience": None}, sign, "names no audience"),
    "another recipient": ({"recipient": "https://other.example/acs/"}, sign, "SubjectConfirmation was not found"),
    "a recipient that only begins alike": ({"recipient": saml.ACS + "x"}, sign, "no confirmation of its subject"),
    "no recipient": ({"recipient": None}, sign, "no confirmation of its subject"),
    "another destination": ({"destination": "https://other.example/acs/"}, sign, "instead of https://other.example"),
    "a destination that only begins alike": ({"destination": saml.ACS + "x"}, sign, "its destination is"),
    "no destination": ({"destination": None}, sign, "its destination is None"),
    "a confirmation without an end": ({"confirmation_ends": None}, sign, "no confirmation of its subject"),
    "over": ({"ends": timedelta(minutes=-10)}, sign, "expired"),
    "not yet": ({"begins": timedelta(minutes=10), "ends": timedelta(minutes=20)}, sign, "not yet valid"),
    "an unsigned word for the request": ({"signed_in_response_to": None}, sign, "the signed assertion ''"),
    "a NameID for once": (
        {"name_format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}, sign, "NameID is transient",
    ),
    "an attribute twice": ({"attributes": Answer.attributes * 2}, sign, "duplicated Name"),
    "elements in a value": (
        {"attributes": Answer.attributes.replace("staff", "admins<b xmlns='urn:b'>-not</b>")}, sign,
        "a value holds elements",
    ),
    "a relative namespace": ({}, relative_namespace, "Signature validation failed"),
    "an extension": (
        {"extra": '<samlp:Extensions><x xmlns="urn:x"/></samlp:Extensions>'}, sign, "a second assertion could hide",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_answer_lets_nobody_in(what: str) -> None:
    said, signed, why = WRONG[what]
    client = Client()
    answer = post(client, signed(Answer(in_response_to=leave(client), **said).tree()))
    assert answer.status_code == 403
    assert why in reason()
    assert (who(client), User.objects.count(), SeenAssertion.objects.count()) == ("", 0, 0)


def test_a_comment_does_not_cut_a_name() -> None:
    client = Client()
    tree = Answer(in_response_to=leave(client), name_id="ada<!-- -->.evil").tree()
    assert post(client, sign(tree)).status_code == 302
    assert SocialAccount.objects.get().uid == "ada.evil"


def test_a_key_handed_over_by_pkcs1_is_not_even_tried(settings: Settings) -> None:
    set_up(settings, keys=PORTALS_KEYS)
    client = Client()
    tree = sign(Answer(in_response_to=leave(client)).tree())
    assert post(client, encrypt(tree, transport=xmlsec.Transform.RSA_PKCS1)).status_code == 403
    assert "rsa-1_5" in reason()


def test_what_is_encrypted_for_somebody_else_and_what_is_not_encrypted_at_all(settings: Settings) -> None:
    set_up(settings, keys=PORTALS_KEYS, wants_encrypted=True)
    client = Client()
    tree = sign(Answer(in_response_to=leave(client)).tree())
    assert post(client, saml.encoded(tree)).status_code == 403
    assert "not encrypted" in reason()
    assert post(client, encrypt(tree, key="somebody else")).status_code == 403


BODIES = {
    "no XML": (b"hello", ""),
    "a bomb of entities": (
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>', "DTDForbidden",
    ),
    "a file of ours": (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "DTDForbidden"),
    "deep": (b"<a>" * 5000, ""),
    "not base64": ("%%%", ""),
    "empty": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", BODIES)
def test_a_body_that_is_no_answer(what: str) -> None:
    body, why = BODIES[what]
    leave(Client())
    assert post(Client(), body).status_code == 403
    assert why in reason()


def test_two_answers_in_one_form_are_none() -> None:
    client = Client()
    text = saml.urlencode(
        [("SAMLResponse", saml.encoded(sign(Answer(in_response_to=leave(client)).tree())))] * 2
    )
    answer = client.post("/accounts/saml/adfs/acs/", text, content_type=saml.FORM)
    assert answer.status_code == 403
    assert "holds 2 answers" in reason()


@pytest.mark.parametrize("large", [256 * 1024, 50_000_000])
def test_a_large_body_is_not_read(large: int) -> None:
    leave(Client())
    answer = Client().generic(
        "POST", "/accounts/saml/adfs/acs/", b"x" * 100, content_type=saml.FORM, CONTENT_LENGTH=str(large + 1)
    )
    assert answer.status_code == 413
    assert "256 KB" in answer.content.decode()
    assert "larger than 262,144 bytes" in reason()


def test_one_source_may_not_ask_without_end(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"identity_provider": "3/m/ip"}
    leave(Client())
    answers = [post(Client(), "x", source="203.0.113.7").status_code for _ in range(4)]
    assert answers == [403, 403, 403, 429]


def test_the_provider_is_told_what_it_must_know(settings: Settings) -> None:
    set_up(settings, keys=PORTALS_KEYS)
    answer = Client().get("/accounts/saml/adfs/metadata/")
    tree = etree.fromstring(answer.content)
    assert tree.get("entityID") == saml.AUDIENCE
    assert saml.ACS in answer.content.decode()
    assert saml.bare(key_of("portal").certificate)[:60] in "".join(answer.content.decode().split())
    assert "signature" in Client().get("/accounts/with/adfs/")["Location"].lower()
