"""Dangerous acts wait until whoever sits there has shown anew who they are; what they wrote is not lost meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from patching.models import SendingPause
from portal.access.models import User
from portal.audit.models import AuditEvent
from portal.reauthentication.acts import ACTS, ON_SIGHT
from portal.reauthentication.held import TOKEN
from portal.reauthentication.proof import PROVEN_AT
from portal.second_factor.queries import codes_left
from tests import cast
from tests.attack.rules import ADMINS, RULES
from tests.attack.tables import contents
from tests.attack.world import World
from tests.integration.portal.second_factor.test_second_factor import code_at, with_app
from tests.oidc_provider import OidcProvider

pytestmark = pytest.mark.django_db
ASK, GO_ON = "/accounts/show-it-is-you/", "/accounts/show-it-is-you/go-on/"
PAUSE = "/sending/pause/"
REASON = "A bad kernel <b> & more"


def browser(person: User, *, old: bool = True) -> Client:
    """Signed in a while ago."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(person)
    if old:
        grow_old(client)
    return client


def grow_old(client: Client) -> None:
    session = client.session
    session[PROVEN_AT] = (timezone.now() - timedelta(minutes=11)).timestamp()
    session.save()


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """Where the form of the page goes, and its hidden fields."""
    form = re.search(r'<form class="form" method="post" action="([^"]+)">(.*?)</form>', page)
    assert form
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[2])
    return unescape(form[1]), {name: unescape(value) for name, value in fields if name != TOKEN}


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    from tests.kept_rows import kept_rows

    with kept_rows(django_db_blocker, World) as made:
        yield made


@pytest.mark.parametrize("name", sorted(ACTS))
def test_each_of_them_demands_it_and_changes_nothing_before(world: World, name: str) -> None:
    rule = RULES[name]
    path = reverse(name, args=[world.value(row) for row in rule.rows])
    client = browser(world.people["ada"])
    body = {key: str(text).format_map(world.values) for key, text in rule.body.items()}
    before = contents()
    answer = client.post(path, body)
    assert (answer.status_code, answer["Location"]) == (302, ASK)
    assert client.post(path, body, headers={"HX-Request": "true"})["HX-Redirect"] == ASK
    assert contents() == before
    assert (client.get(path).status_code == 302) == (name in ON_SIGHT)


def test_no_act_upon_rights_people_and_providers_is_forgotten() -> None:
    """A new address of these rooms that an admin may write to stands in the list, too."""
    rooms = ("people:", "federation:")
    writing = {name for name, rule in RULES.items() if rule.writes == ADMINS and name.startswith(rooms)}
    assert writing <= ACTS.keys()
    assert {
        "patching:pause",
        "patching:resume",
        "patching:window-edit",
        "federation:identities",
    } <= ACTS.keys()


def test_a_fresh_sign_in_is_not_asked_again_and_an_old_one_is() -> None:
    client = Client()
    client.post("/accounts/login/", {"login": cast.ada().username, "password": cast.PASSWORD})
    with time_machine.travel(timezone.now(), tick=False) as clock:
        clock.shift(timedelta(minutes=9))
        assert client.post(PAUSE, {"reason": REASON})["Location"] != ASK
        clock.shift(timedelta(minutes=2))
        assert client.post("/sending/resume/")["Location"] == ASK


def test_with_the_password_one_goes_on_and_nothing_of_the_form_is_lost() -> None:
    client = browser(cast.ada())
    assert client.post(PAUSE, {"reason": REASON, "next": "/runs/"})["Location"] == ASK
    page = client.get(ASK).content.decode()
    assert "pause all sending" in page
    assert "What you wrote is kept." in page
    assert client.post(ASK, {"password": "wrong"}).status_code == 422
    assert client.get(GO_ON)["Location"] != ASK
    assert client.post(ASK, {"password": cast.PASSWORD})["Location"] == GO_ON
    assert not SendingPause.objects.filter(paused=True).exists()
    where, fields = form_of(client.get(GO_ON).content.decode())
    assert (where, fields) == (PAUSE, {"reason": REASON, "next": "/runs/"})
    assert client.post(where, fields)["Location"] == "/runs/"
    assert SendingPause.objects.get(paused=True).reason == REASON
    assert client.get(GO_ON).status_code == 302  # it was done, and is held no longer
    assert AuditEvent.objects.get(kind="sign_in.shown_anew").actor == "Ada"


def test_what_is_held_cannot_be_read_in_the_store() -> None:
    client = browser(cast.ada())
    client.post(PAUSE, {"reason": REASON})
    kept = str(dict(client.session.items())) + "".join(Session.objects.values_list("session_data", flat=True))
    assert "bad kernel" not in kept


def test_a_form_that_is_too_long_is_said_to_be_lost() -> None:
    client = browser(cast.ada())
    client.post(PAUSE, {"reason": "x" * 40_000}, headers={"Referer": "http://localhost/runs/?page=2"})
    assert "too long to be kept" in client.get(ASK).content.decode()
    client.post(ASK, {"password": cast.PASSWORD})
    page = client.get(GO_ON).content.decode()
    assert 'href="/runs/?page=2"' in page
    assert 'class="form"' not in page


def test_nobody_is_led_to_another_site() -> None:
    client = browser(cast.ada())
    client.post(PAUSE, {"reason": REASON}, headers={"Referer": "https://evil.example/"})
    assert "evil.example" not in client.get(ASK).content.decode()
    other = browser(cast.ada())
    sent = {"password": cast.PASSWORD, "next": "https://evil.example/"}
    assert other.post(ASK, sent)["Location"] == "/"


def test_who_has_a_second_factor_shows_that_one_and_not_the_password_alone() -> None:
    ada = cast.ada()
    with_app(ada)
    client = browser(ada)
    client.post(PAUSE, {"reason": REASON})
    page = client.get(ASK).content.decode()
    assert 'name="password"' not in page
    assert client.post(ASK, {"password": cast.PASSWORD}).status_code == 422
    assert client.post(ASK, {"code": "000000"}).status_code == 422
    assert client.post(ASK, {"code": code_at()})["Location"] == GO_ON


def test_a_recovery_code_is_used_up_by_it() -> None:
    ada = cast.ada()
    code = with_app(ada)[0]
    left = codes_left(ada)
    assert browser(ada).post(ASK, {"code": code}).status_code == 302
    assert codes_left(ada) == left - 1


def test_guessing_ends_after_a_few_tries() -> None:
    client = browser(cast.ada())
    for _ in range(5):
        client.post(ASK, {"password": "wrong"})
    answer = client.post(ASK, {"password": cast.PASSWORD})
    assert "Wait five minutes" in answer.content.decode()
    assert AuditEvent.objects.filter(kind="sign_in.failed").exists()


def test_who_has_no_way_is_told_so() -> None:
    ada = cast.ada()
    ada.set_unusable_password()
    ada.save()
    assert "There is nothing here" in browser(ada).get(ASK).content.decode()


def test_setting_up_a_factor_is_led_back_to_its_page() -> None:
    client = browser(cast.ana())
    where = client.get("/accounts/second-factor/app/")["Location"]
    assert where == f"{ASK}?next=%2Faccounts%2Fsecond-factor%2Fapp%2F"
    assert 'name="next" value="/accounts/second-factor/app/"' in client.get(where).content.decode()
    sent = {"password": cast.PASSWORD, "next": "/accounts/second-factor/app/"}
    assert client.post(where, sent)["Location"] == "/accounts/second-factor/app/"
    assert client.get("/accounts/second-factor/app/").status_code == 200


def test_nobody_else_s_browser_is_freed_by_it() -> None:
    one, other = browser(cast.ada()), browser(cast.ada())
    one.post(ASK, {"password": cast.PASSWORD})
    assert other.post(PAUSE, {"reason": REASON})["Location"] == ASK


class TestFreshSignInAtAProvider:
    """`auth_time` says when somebody last signed in there."""

    @pytest.fixture
    def okta(self, settings: Settings) -> Iterator[OidcProvider]:
        found = OidcProvider()
        settings.PORTAL_URL = "http://localhost"
        settings.IDENTITY_PROVIDERS = [found.settings()]
        ada = cast.ada()
        SocialAccount.objects.create(user=ada, provider=found.issuer, uid=found.claims["sub"])
        found.claims |= {"email": "ada@example.com"}
        yield found
        found.close()

    def signed_in(self, okta: OidcProvider, **claims: Any) -> Client:
        client = Client(SERVER_NAME="localhost")
        okta.claims |= claims
        okta.sign_in(client)
        return client

    def anew(self, okta: OidcProvider, client: Client, **claims: Any) -> Any:
        okta.claims |= claims
        sent = okta.leave(client, query={"fresh": "1"})
        assert (sent["prompt"], sent["max_age"]) == ("login", "0")
        return okta.come_back(client, sent)

    def test_a_sign_in_of_long_ago_there_is_no_proof_here(self, okta: OidcProvider) -> None:
        now = int(timezone.now().timestamp())
        silent = self.signed_in(okta)
        assert silent.post(PAUSE, {"reason": REASON})["Location"] == ASK
        old = self.signed_in(okta, auth_time=now - 3600)
        assert old.post(PAUSE, {"reason": REASON})["Location"] == ASK
        fresh = self.signed_in(okta, auth_time=now)
        assert fresh.post(PAUSE, {"reason": REASON})["Location"] != ASK

    def test_one_goes_on_after_signing_in_anew(self, okta: OidcProvider) -> None:
        client = self.signed_in(okta)
        client.post(PAUSE, {"reason": REASON})
        assert "Sign in anew with Okta" in client.get(ASK).content.decode()
        answer = self.anew(okta, client, auth_time=int(timezone.now().timestamp()))
        assert answer["Location"] == GO_ON
        where, fields = form_of(client.get(GO_ON).content.decode())
        client.post(where, fields)
        assert SendingPause.objects.get(paused=True).reason == REASON

    @pytest.mark.parametrize("said", [None, "now", True, -3600, 3600, 10**30])
    def test_without_a_true_time_nothing_is_proven(self, okta: OidcProvider, said: Any) -> None:
        now = int(timezone.now().timestamp())
        client = self.signed_in(okta)
        client.post(PAUSE, {"reason": REASON})
        told = now + said if isinstance(said, int) and abs(said) == 3600 else said
        answer = self.anew(okta, client, auth_time=told)
        assert answer.status_code == 403
        assert client.post(PAUSE, {"reason": REASON})["Location"] == ASK

    def test_somebody_else_there_is_nobody_here(self, okta: OidcProvider) -> None:
        client = self.signed_in(okta)
        client.post(PAUSE, {"reason": REASON})
        SocialAccount.objects.create(user=cast.bo(), provider=okta.issuer, uid="bo-there")
        facts = {"sub": "bo-there", "email": "bo@example.com", "auth_time": int(timezone.now().timestamp())}
        answer = self.anew(okta, client, **facts)
        assert answer.status_code == 403
        assert "somebody else" in answer.content.decode()
        assert client.post(PAUSE, {"reason": REASON})["Location"] == ASK
        assert "signed in as Ada." in client.get(ASK).content.decode()
