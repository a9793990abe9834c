"""Rights from groups: given, kept and lost at each sign-in; the pages where admins make the rules and try them."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from pytest_django import Settings

from portal.access.models import Grant, User
from portal.audit.models import AuditEvent
from portal.federation.models import RoleRule
from portal.notify.models import Notification
from tests import cast
from tests.oidc_provider import OidcProvider

pytestmark = pytest.mark.django_db
RULE = {"provider": "", "claim": "groups", "value": "payments-owners", "role": "owner", "dimension": "application",
        "scope": "payments"}  # fmt: skip
NEW = "/people/sign-in/rules/new/"


def admin() -> Client:
    client = Client()
    client.force_login(cast.ada())
    return client


def a_rule(**facts: str) -> RoleRule:
    position = RoleRule.objects.count() + 1
    return RoleRule.objects.create(position=position, **(RULE | facts))


def rights(person: User) -> set[tuple[str, str, str]]:
    return set(Grant.objects.filter(user=person).values_list("role", "value", "provider"))


def come(okta: OidcProvider, *groups: str) -> User:
    okta.claims["groups"] = list(groups)
    assert okta.sign_in(Client()).status_code == 302
    return User.objects.get(email="ana@example.com")


def test_groups_count_anew_at_each_sign_in(okta: OidcProvider) -> None:
    a_rule()
    a_rule(value="*-leaders", role="approver", scope="*")
    ana = come(okta, "payments-owners")
    assert rights(ana) == {("owner", "payments", "okta")}
    come(okta, "shop-leaders")
    assert rights(ana) == {("approver", "shop", "okta")}
    come(okta)
    assert rights(ana) == set()
    said = AuditEvent.objects.filter(kind__in=["person.granted", "person.revoked"]).order_by("pk")
    assert [event.summary.partition("ana@example.com ")[2] for event in said] == [
        "is now asset owner of application payments: Okta says groups payments-owners",
        "is no longer asset owner of application payments: Okta no longer says what the rules ask for",
        "is now business leader of application shop: Okta says groups shop-leaders",
        "is no longer business leader of application shop: Okta no longer says what the rules ask for",
    ]
    assert Notification.objects.filter(kind__in=["person.granted", "person.revoked"]).count() == 4


def test_a_token_as_cognito_shapes_it(okta: OidcProvider, settings: Settings) -> None:
    a_rule(claim="cognito:groups", value="eu-central-1_x_payments-owners")
    settings.IDENTITY_PROVIDERS = (okta.settings(links_by_email=True, domains=("example.com",)),)
    ana, client = cast.ana(), Client()
    okta.claims |= {
        "cognito:username": "azuread_ana@corp.example", "cognito:groups": ["eu-central-1_x_payments-owners"],
        "email_verified": True, "token_use": "id", "event_id": "e", "origin_jti": "o", "auth_time": 1,
        "identities": [{"providerName": "azuread", "userId": "ana@corp.example", "primary": "true"}],
    }  # fmt: skip
    okta.userinfo = {"username": "azuread_ana@corp.example", "email_verified": "true"}
    Grant.objects.filter(user=ana).delete()
    assert okta.sign_in(client).status_code == 302
    assert client.session["_auth_user_id"] == str(ana.pk)
    assert rights(ana) == {("owner", "payments", "okta")}


def test_what_an_admin_gave_by_hand_stays(okta: OidcProvider) -> None:
    a_rule()
    ana = come(okta)
    Grant.objects.create(user=ana, role="owner", dimension="application", value="payments")
    come(okta, "payments-owners")
    come(okta)
    assert rights(ana) == {("owner", "payments", "")}


def test_two_providers_do_not_take_what_the_other_gave(okta: OidcProvider, settings: Settings) -> None:
    a_rule()
    ana = come(okta, "payments-owners")
    Grant.objects.create(user=ana, role="owner", dimension="application", value="shop", provider="entra")
    settings.IDENTITY_PROVIDERS = (
        *settings.IDENTITY_PROVIDERS,
        okta.settings(id="entra", issuer="https://x.example"),
    )
    come(okta)
    assert rights(ana) == {("owner", "shop", "entra")}
    settings.IDENTITY_PROVIDERS = settings.IDENTITY_PROVIDERS[:1]
    come(okta)
    assert rights(ana) == set(), "what rests on the word of a provider that is gone ends, too"


def test_even_the_last_admin_loses_the_role_with_the_group(okta: OidcProvider) -> None:
    a_rule(value="admins", role="admin", dimension="everything", scope="")
    ana = come(okta, "admins")
    assert rights(ana) == {("admin", "", "okta")}
    come(okta)
    assert rights(ana) == set()
    assert b"no patch admin yet" in Client().get("/accounts/login/").content


def test_a_newcomer_with_a_role_comes_in(okta: OidcProvider, settings: Settings) -> None:
    settings.IDENTITY_PROVIDERS = (okta.settings(newcomers="with_a_role"),)
    a_rule()
    assert rights(come(okta, "payments-owners")) == {("owner", "payments", "okta")}


def test_who_has_no_role_reads_whom_to_ask(okta: OidcProvider) -> None:
    cast.ada()
    client = Client()
    okta.sign_in(client)
    page = client.get("/").content.decode()
    assert (
        "You have no role yet, so you see no servers. Ask a patch admin for one: Ada (ada@example.com)."
        in page
    )
    client.force_login(cast.bo())
    assert "You have no role yet" not in client.get("/").content.decode()


def test_an_admin_makes_changes_moves_and_removes_rules() -> None:
    client = admin()
    assert client.post(NEW, RULE).status_code == 302
    assert client.post(NEW, RULE | {"value": "x", "role": "none", "scope": ""}).status_code == 302
    first, second = RoleRule.objects.all()
    client.post(f"/people/sign-in/rules/{second.pk}/move/", {"to": "up"})
    assert [rule.pk for rule in RoleRule.objects.all()] == [second.pk, first.pk]
    assert client.post(f"/people/sign-in/rules/{second.pk}/move/", {"to": "up"}).status_code == 409
    client.post(f"/people/sign-in/rules/{first.pk}/", RULE | {"scope": "shop"})
    client.post(f"/people/sign-in/rules/{second.pk}/remove/")
    assert [rule.scope for rule in RoleRule.objects.all()] == ["shop"]
    page = client.get("/people/sign-in/").content.decode()
    assert "Asset owner of application shop" in page
    kinds = AuditEvent.objects.filter(subject_type="role_rule").order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [f"role_rule.{what}" for what in ("added", "added", "moved", "changed", "removed")]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [({"value": "a*b*"}, "more than one *"), ({"scope": ""}, "Say which application"), ({}, "such a rule already"),
     ({"role": "emperor"}, "valid choice"), ({"provider": "gone"}, "valid choice")],
)  # fmt: skip
def test_a_wrong_rule_is_refused_in_a_sentence(said: dict[str, str], sentence: str) -> None:
    a_rule()
    answer = admin().post(NEW, RULE | said)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert RoleRule.objects.count() == 1


def test_rules_are_tried_on_a_sample(okta: OidcProvider) -> None:
    a_rule()
    a_rule(claim="roles", value="x")
    sample = json.dumps({"groups": ["payments-owners", "staff"]})
    page = admin().post("/people/sign-in/try/", {"provider": "okta", "sample": sample}).content.decode()
    assert "payments-owners → asset owner of application payments" in page
    assert "1 role would come of this" in page
    assert 'were not sent: <span class="mono">roles</span>' in page
    assert "staff" in page
    assert not Grant.objects.filter(value="payments").exists()


def test_rules_are_tried_on_a_real_sign_in(okta: OidcProvider) -> None:
    ana = come(okta, "payments-owners")
    a_rule()
    identity = str(ana.socialaccount_set.get().pk)
    page = admin().post("/people/sign-in/try/", {"provider": "okta", "sign_in": identity}).content.decode()
    assert "gets: asset owner of application payments" in page
    assert not rights(ana)


@pytest.mark.parametrize("sample", ["", "{", "[]", "7", "[" * 50_000, '{"groups": ["' + "g" * 501 + '"]}'])
def test_a_sample_that_is_none_is_told(okta: OidcProvider, sample: str) -> None:
    answer = admin().post("/people/sign-in/try/", {"provider": "okta", "sample": sample})
    assert answer.status_code == 422


def test_an_admin_links_and_unlinks_an_identity(okta: OidcProvider) -> None:
    a_rule()
    ana, bo, client = cast.ana(), cast.bo(), admin()
    page = f"/people/{ana.pk}/identities/"
    assert client.post(page, {"provider": "okta", "subject": "subject-of-ana"}).status_code == 302
    refused = client.post(f"/people/{bo.pk}/identities/", {"provider": "okta", "subject": "subject-of-ana"})
    assert (refused.status_code, "is Ana already" in refused.content.decode()) == (409, True)
    okta.claims |= {"email": "elsewhere@example.com", "groups": ["payments-owners"]}
    Grant.objects.filter(user=ana).delete()
    browser = Client()
    okta.sign_in(browser)
    assert browser.session["_auth_user_id"] == str(ana.pk)
    assert rights(ana) == {("owner", "payments", "okta")}
    assert "subject-of-ana" in client.get(page).content.decode()
    client.post(f"{page}{ana.socialaccount_set.get().pk}/unlink/")
    assert rights(ana) == set()
    okta.sign_in(fresh := Client())
    assert fresh.session["_auth_user_id"] != str(ana.pk)
    kinds = set(AuditEvent.objects.filter(subject_id=str(ana.pk)).values_list("kind", flat=True))
    assert {"person.linked", "person.unlinked", "person.granted", "person.revoked"} <= kinds


@pytest.mark.parametrize("said", [{"subject": ""}, {"subject": "x" * 192}, {"provider": "gone"}])
def test_a_wrong_link_is_refused(okta: OidcProvider, said: dict[str, str]) -> None:
    page = f"/people/{cast.ana().pk}/identities/"
    assert admin().post(page, {"provider": "okta", "subject": "x"} | said).status_code == 422


def test_the_page_shows_the_providers_and_no_secret(okta: OidcProvider) -> None:
    page = admin().get("/people/sign-in/").content.decode()
    assert okta.issuer in page
    assert "http://testserver/accounts/oidc/okta/login/callback/" in page
    assert "the-secret-of-the-test" not in page


def test_a_right_from_groups_is_not_taken_by_hand_and_may_become_one_by_hand(okta: OidcProvider) -> None:
    a_rule()
    ana = come(okta, "payments-owners")
    client, grant = admin(), Grant.objects.get(user=ana)
    answer = client.post(f"/people/{ana.pk}/take/{grant.pk}/")
    assert answer.status_code == 409
    assert "would be back at the next sign-in" in answer.content.decode()
    given = {"role": "owner", "dimension": "application", "value": "payments"}
    assert client.post(f"/people/{ana.pk}/give/", given).status_code == 302
    come(okta)
    assert rights(ana) == {("owner", "payments", "")}
