"""Every address of the site has a permission: this walks them all, so a new one cannot be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from tests import cast

pytestmark = pytest.mark.django_db
# What people may open before they have signed in: signing in itself, and the look of the pages.
OPEN = {"account_login", "account_logout", "account_reset_password", "account_reset_password_done",
        "account_reset_password_from_key", "account_reset_password_from_key_done", "account_inactive",
        "federation:by-email", "federation:start", "federation:oidc-callback", "federation:saml-acs",
        "federation:saml-finish", "federation:saml-sls", "federation:saml-metadata",
        "people:first-admin", "web:stylesheet", "web:script", "web:theme"}  # fmt: skip
# Addresses that any signed-in person may use, because what they show or do is narrowed to that person.
EVERYBODY = {
    "api:docs",
    "exceptions:ask",
    "exceptions:inbox",
    "exceptions:register",
    "exceptions:register-csv",
    "inventory:coverage",
    "inventory:coverage-csv",
    "notify:list",
    "notify:read",
    "patching:enrol",
    "patching:leave",
    "patching:pick-window",
    "patching:plan",
    "patching:runs",
    "patching:skipped-starts",
    "patching:tonight",
    "patching:undo-enrol",
    "patching:window",
    "patching:windows",
    "reports:finished",
    "reports:my-servers",
    "reports:search",
    "reports:servers-act",
    "reports:servers-csv",
    "tokens:list",
    "tokens:new",
}


def addresses(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, str, URLPattern]]:
    """(namespace, name, pattern) of every named address of ours and of allauth's sign-in pages."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from addresses(entry, entry.namespace or prefix)
        elif entry.name:
            yield prefix, entry.name, entry


def every() -> list[str]:
    """The names of all addresses, as `reverse` takes them."""
    found = sorted({f"{space}:{name}" if space else name for space, name, _ in addresses(get_resolver())})
    assert len(found) > 50, "the walk has lost its way"
    return found


def url_of(name: str) -> str:
    """The address with arguments that name nothing."""
    for arguments in ([], [999_999], ["nothing-here"], [999_999, 999_999], ["a", "b"], [UUID(int=0)]):
        try:
            return reverse(name, args=arguments)
        except NoReverseMatch:
            continue
    raise AssertionError(f"No arguments fit {name}; teach this test.")


def test_a_stranger_without_a_sign_in_sees_nothing() -> None:
    client = Client()
    for name in every():
        if name in OPEN or name.startswith("account_"):
            continue
        for answer in (client.get(url_of(name)), client.post(url_of(name))):
            refused = answer.status_code in {401, 403, 404, 405}
            to_sign_in = answer.status_code == 302 and "/accounts/login/" in answer["Location"]
            assert refused or to_sign_in, f"{name} answers {answer.status_code} to anybody"


def test_a_person_without_rights_reaches_only_what_is_narrowed_to_them() -> None:
    person = cast._person("nobody")
    client = Client()
    client.force_login(person)
    for name in every():
        if name in OPEN | EVERYBODY or name.startswith("account_") or ":" not in name:
            continue
        for method in (client.get, client.post):
            status = method(url_of(name)).status_code
            assert status in {401, 403, 404, 405}, f"{name} answers {status} to a person without any right"


def test_no_address_answers_with_an_error_of_ours() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(cast.ada())
    for name in every():
        if name.startswith("account_"):
            continue
        for method in (client.get, client.post):
            status = method(
                url_of(name), {"q": "\x00' OR 1=1", "ids": "1,x", "sort": "zz", "state": "no"}
            ).status_code
            assert status < 500, f"{name} answers {status}"
