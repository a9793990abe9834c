"""Signing in by OpenID Connect: who gets in, by which proof, and everything that lets nobody in."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from pytest_django import Settings

from portal.access.models import User
from portal.audit.models import AuditEvent
from tests import cast
from tests.oidc_provider import OidcProvider, rsa_key

pytestmark = pytest.mark.django_db


def who(client: Client) -> str:
    """The user name of who is signed in; '' for nobody."""
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).username if pk else ""


def reason() -> str:
    return AuditEvent.objects.filter(kind="sign_in.refused").latest("pk").summary


def test_a_newcomer_is_made_a_person_and_comes_to_the_page_they_wanted(okta: OidcProvider) -> None:
    okta.claims |= {"preferred_username": "ana.a", "name": "Ana Alves"}
    client = Client()
    answer = okta.sign_in(client, next_url="/coverage/")
    assert (answer.status_code, answer["Location"]) == (302, "/coverage/")
    person = User.objects.get(username="ana.a")
    assert (person.display_name, person.email, who(client)) == ("Ana Alves", "ana@example.com", "ana.a")
    assert not person.has_usable_password()
    identity = SocialAccount.objects.get(user=person)
    assert (identity.provider, identity.uid) == (okta.issuer, "subject-of-ana")
    said = list(AuditEvent.objects.order_by("pk").values_list("kind", "summary"))
    assert said == [
        ("person.added", "Added Ana Alves (ana.a), who came with Okta"),
        ("person.linked", "Linked subject-of-ana of Okta to Ana Alves, at the first sign-in"),
        ("sign_in.succeeded", "Ana Alves signed in with Okta from 127.0.0.1"),
    ]


def test_the_same_subject_is_the_same_person_whatever_else_they_are_called_now(okta: OidcProvider) -> None:
    okta.sign_in(Client())
    okta.claims |= {"email": "ana.married@example.com", "preferred_username": "other"}
    client = Client()
    okta.sign_in(client)
    assert User.objects.count() == 1
    assert who(client) == "ana@example.com"


def test_the_request_carries_pkce_a_nonce_and_the_portals_own_address(okta: OidcProvider) -> None:
    sent = okta.leave(Client(HTTP_HOST="localhost"))
    assert sent["redirect_uri"] == "http://testserver/accounts/oidc/okta/login/callback/"
    assert (sent["code_challenge_method"], sent["response_type"]) == ("S256", "code")
    assert len(sent["nonce"]) > 20
    assert "openid" in sent["scope"].split()


def forged_by_others(okta: OidcProvider) -> None:
    okta.signed_by = rsa_key("a stranger's")


def signed_with_a_shared_secret(okta: OidcProvider) -> None:
    okta.header, okta.signed_by = {"kid": "one", "alg": "HS256"}, "x" * 40


def not_signed(okta: OidcProvider) -> None:
    okta.header, okta.signed_by = {"kid": "one", "alg": "none"}, None


FORGERIES: dict[str, tuple[Any, str]] = {
    "another's key": (forged_by_others, "Signature verification failed"),
    "a shared secret": (signed_with_a_shared_secret, "'HS256'"),
    "no signature": (not_signed, "'none'"),
    "a key nobody published": (lambda okta: okta.header.update(kid="three"), "has the id 'three'"),
    "another issuer": (lambda okta: okta.claims.update(iss="https://evil.example"), "issuer"),
    "another audience": (lambda okta: okta.claims.update(aud="another-client"), "Audience"),
    "several audiences": (lambda okta: okta.claims.update(aud=["patch-portal", "x"]), "several clients"),
    "made for another client": (lambda okta: okta.claims.update(azp="another-client"), "another client"),
    "another sign-in's nonce": (lambda okta: okta.claims.update(nonce="of-another"), "nonce differs"),
    "no nonce": (lambda okta: okta.claims.update(nonce=None), "nonce differs"),
    "over": (lambda okta: okta.claims.update(exp=1_700_000_000), "expired"),
    "without an end": (lambda okta: okta.claims.update(exp=None), '"exp"'),
    "without a subject": (lambda okta: okta.claims.update(sub=None), '"sub"'),
    "userinfo of somebody else": (lambda okta: okta.userinfo.update(sub="bo"), "userinfo"),
    "another issuer's document": (lambda okta: okta.document.update(issuer="https://evil.example"), "speaks for"),
    "an address that is not encrypted": (
        lambda okta: okta.document.update(token_endpoint="http://evil.example/token"), "no safe token_endpoint",
    ),
    "too many groups": (lambda okta: okta.claims.update(groups=["g"] * 1001), "1001 values of 'groups'"),
    "a subject without end": (lambda okta: okta.claims.update(sub="x" * 192), "longer than 191"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_answer_lets_nobody_in(okta: OidcProvider, name: str) -> None:
    forge, why = FORGERIES[name]
    client = Client()
    sent = okta.leave(client)
    okta.forget()
    forge(okta)
    answer = okta.come_back(client, sent)
    assert answer.status_code == 403
    assert "You are not signed in" in answer.content.decode()
    assert why in reason()
    assert (who(client), User.objects.count(), SocialAccount.objects.count()) == ("", 0, 0)


@pytest.mark.parametrize("end", ["openid-configuration", "keys", "token", "userinfo"])
def test_a_provider_that_does_not_answer_is_told_in_a_sentence(okta: OidcProvider, end: str) -> None:
    client = Client()
    sent = okta.leave(client)
    okta.forget()
    okta.broken = {end}
    answer = okta.come_back(client, sent)
    assert answer.status_code == 403
    assert "Okta" in answer.content.decode()
    assert who(client) == ""
    okta.broken = set()
    assert okta.sign_in(client).status_code == 302, "nobody is locked out for good"


def test_an_answer_belongs_to_the_browser_that_was_sent_away_and_counts_once(okta: OidcProvider) -> None:
    mine, other = Client(), Client()
    sent = okta.leave(mine)
    assert okta.come_back(other, sent).status_code == 403
    assert "none that this browser was sent away with" in reason()
    assert okta.come_back(mine, sent).status_code == 302
    fresh = Client()
    fresh.cookies = mine.cookies
    assert okta.come_back(fresh, sent).status_code == 403


def test_who_cancels_there_is_told_so(okta: OidcProvider) -> None:
    client = Client()
    answer = okta.come_back(client, okta.leave(client), error="access_denied", error_description="<b>no</b>")
    assert answer.status_code == 403
    assert "the provider answered access_denied: <b>no</b>" in reason()
    assert b"<b>no</b>" not in answer.content


def test_an_address_that_somebody_has_already_leads_to_nobody(okta: OidcProvider) -> None:
    ana, client = cast.ana(), Client()
    okta.claims |= {"email": ana.email, "email_verified": True}
    answer = okta.sign_in(client)
    assert answer.status_code == 403
    assert "Somebody is known here by ana@example.com already" in answer.content.decode()
    assert "it is not proven" in reason()
    assert (who(client), SocialAccount.objects.count()) == ("", 0)


@pytest.mark.parametrize(
    ("verified", "domains", "gets_in"),
    [(True, ("example.com",), True), ("true", ("example.com",), True), (False, ("example.com",), False),
     (None, ("example.com",), False), ("no", ("example.com",), False), (True, ("example.org",), False)],
)  # fmt: skip
def test_a_proven_address_links_where_the_provider_is_trusted_with_its_domain(
    okta: OidcProvider, settings: Settings, verified: Any, domains: tuple[str, ...], gets_in: bool
) -> None:
    ana, client = cast.ana(), Client()
    settings.IDENTITY_PROVIDERS = (okta.settings(links_by_email=True, domains=domains),)
    okta.claims |= {"email": "ANA@example.com", "email_verified": verified}
    okta.sign_in(client)
    assert who(client) == ("ana" if gets_in else "")
    assert SocialAccount.objects.filter(user=ana).exists() == gets_in


def test_a_name_that_somebody_has_makes_another_person_not_theirs(okta: OidcProvider) -> None:
    cast.ada()
    okta.claims = {"sub": "mallory", "preferred_username": "ada"}
    client = Client()
    okta.sign_in(client)
    assert who(client) == "ada-2"
    assert not User.objects.get(username="ada-2").grants.exists()


def test_who_is_shut_out_stays_out(okta: OidcProvider) -> None:
    okta.sign_in(Client())
    User.objects.update(is_active=False)
    client = Client()
    answer = okta.sign_in(client)
    assert answer.status_code == 403
    assert "A patch admin can let you in again" in answer.content.decode()
    assert who(client) == ""


@pytest.mark.parametrize("policy", ["nobody", "with_a_role"])
def test_newcomers_come_by_policy_and_see_whom_to_ask(
    okta: OidcProvider, settings: Settings, policy: str
) -> None:
    cast.ada()
    settings.IDENTITY_PROVIDERS = (okta.settings(newcomers=policy),)
    client = Client()
    answer = okta.sign_in(client)
    assert answer.status_code == 403
    assert "ada@example.com" in answer.content.decode()
    assert (who(client), User.objects.count()) == ("", 1)


def test_signing_in_ends_the_session_of_whoever_was_there(okta: OidcProvider) -> None:
    bo, client = cast.bo(), Client()
    client.force_login(bo)
    before = client.session.session_key
    okta.sign_in(client)
    assert who(client) == "ana@example.com"
    assert client.session.session_key != before


def test_the_next_page_is_one_of_ours(okta: OidcProvider) -> None:
    assert okta.sign_in(Client(), next_url="https://evil.example/")["Location"] == "/"


def test_a_mail_domain_leads_to_its_provider(okta: OidcProvider, settings: Settings) -> None:
    other = okta.settings(id="entra", name="Entra ID", domains=("example.org",))
    settings.IDENTITY_PROVIDERS = (okta.settings(domains=("example.com",)), other)
    page = Client().get("/accounts/login/").content.decode()
    assert "Sign in with Okta" in page
    assert "Sign in with Entra ID" in page
    answer = Client().get("/accounts/with/", {"email": "ana@Example.org"})
    assert "login_hint=ana%40Example.org" in answer["Location"]
    assert "entra" in answer["Location"]
    assert Client().get("/accounts/with/", {"email": "ana@nowhere.example"}).status_code == 404
    assert Client().get("/accounts/with/nobody/").status_code == 404
