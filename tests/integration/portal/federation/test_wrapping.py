"""Signature wrapping: the signed assertion is moved aside and another one stands where it would be read."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from lxml import etree
from pytest_django import Settings

from portal.access.models import User
from portal.audit.models import AuditEvent
from tests import saml_provider as saml
from tests.saml_provider import NS, Answer, assertion_of, leave, post, sign

pytestmark = pytest.mark.django_db
SIGNATURE, OBJECT = f"{{{NS['ds']}}}Signature", f"{{{NS['ds']}}}Object"


@pytest.fixture(autouse=True)
def adfs(settings: Settings) -> None:
    settings.PORTAL_URL = saml.PORTAL
    settings.IDENTITY_PROVIDERS = (saml.provider(),)


def evil(tree: etree._Element, *, new_id: str = "_evil", signed: bool = False) -> etree._Element:
    """A copy of the signed assertion that names the admin."""
    found = deepcopy(assertion_of(tree))
    found.set("ID", new_id)
    found.find(".//{*}NameID").text = "ada"
    if not signed:
        found.remove(found.find(SIGNATURE))
    return found


def around(tree: etree._Element) -> etree._Element:
    """Signs the message, and gives a copy of it that names the admin."""
    sign(tree, what="message")
    outer = deepcopy(tree)
    outer.set("ID", "_outer")
    outer.find(".//{*}NameID").text = "ada"
    return outer


def bearer(tree: etree._Element) -> tuple[etree._Element, etree._Element]:
    """The signed assertion without its signature, and before it the other one, which bears it."""
    original = assertion_of(sign(tree))
    other = evil(tree, signed=True)
    original.addprevious(other)
    original.remove(original.find(SIGNATURE))
    return original, other


def xsw1(tree: etree._Element) -> etree._Element:
    """A second message around the signed one, in its signature."""
    outer = around(tree)
    outer.find(SIGNATURE).append(tree)
    return outer


def xsw2(tree: etree._Element) -> etree._Element:
    """A second message, with the signature and the signed one before its content."""
    outer = around(tree)
    outer.find(SIGNATURE).addprevious(tree)
    return outer


def xsw3(tree: etree._Element) -> etree._Element:
    """The other assertion before the signed one."""
    assertion_of(sign(tree)).addprevious(evil(tree))
    return tree


def xsw4(tree: etree._Element) -> etree._Element:
    """The signed one inside the other."""
    other, signed = evil(sign(tree)), assertion_of(tree)
    signed.addprevious(other)
    other.append(signed)
    return tree


def xsw5(tree: etree._Element) -> etree._Element:
    """The other bears the signature; the signed one, without it, comes last."""
    bearer(tree)
    return tree


def xsw6(tree: etree._Element) -> etree._Element:
    """The other bears the signature, and the signed one stands in it."""
    original, other = bearer(tree)
    other.find(SIGNATURE).append(original)
    return tree


def xsw7(tree: etree._Element) -> etree._Element:
    """The other in an extension of the message, where the schema allows anything."""
    sign(tree)
    extensions = etree.Element(f"{{{NS['samlp']}}}Extensions")
    extensions.append(evil(tree, new_id=assertion_of(tree).get("ID")))
    tree.find(f"{{{NS['saml']}}}Issuer").addnext(extensions)
    return tree


def xsw8(tree: etree._Element) -> etree._Element:
    """The signed one in an object of the other's signature."""
    original, other = bearer(tree)
    etree.SubElement(other.find(SIGNATURE), OBJECT).append(original)
    return tree


def xsw9(tree: etree._Element) -> etree._Element:
    """Both with the same id, so that the reference could mean either."""
    sign(tree)
    assertion_of(tree).addnext(evil(tree, new_id=assertion_of(tree).get("ID"), signed=True))
    return tree


def same_id_elsewhere(tree: etree._Element) -> etree._Element:
    """Another element takes the id of the signed one."""
    sign(tree)
    tree.set("ID", assertion_of(tree).get("ID"))
    return tree


def excluded(tree: etree._Element) -> etree._Element:
    """The signature is simply gone."""
    original = assertion_of(sign(tree))
    original.find(".//{*}NameID").text = "ada"
    original.remove(original.find(SIGNATURE))
    return tree


def two_references(tree: etree._Element) -> etree._Element:
    """The signature speaks of a second part as well."""
    sign(tree)
    info = tree.find(f".//{SIGNATURE}/{{{NS['ds']}}}SignedInfo")
    info.append(deepcopy(info.find(f"{{{NS['ds']}}}Reference")))
    return tree


WAYS: list[Callable[[etree._Element], etree._Element]] = [
    xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8, xsw9, same_id_elsewhere, excluded, two_references,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_is_wrapped_is_refused(way: Callable[[etree._Element], etree._Element]) -> None:
    client = Client()
    answer = post(client, way(Answer(in_response_to=leave(client)).tree()))
    assert answer.status_code == 403
    assert "_auth_user_id" not in client.session
    assert (User.objects.count(), SocialAccount.objects.count()) == (0, 0)
    assert AuditEvent.objects.filter(kind="sign_in.refused").count() == 1


def test_the_unwrapped_one_would_have_been_taken() -> None:
    client = Client()
    assert post(client, sign(Answer(in_response_to=leave(client)).tree())).status_code == 302
