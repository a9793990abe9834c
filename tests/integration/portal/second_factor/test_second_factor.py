"""A second factor is asked for after the password, demanded of roles, and lost only in sight of everybody concerned."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from portal.access.models import User
from portal.access.rules import Denied
from portal.audit.models import AuditEvent
from portal.people.operations.first_admin import make_or_rescue
from portal.second_factor import codes, operations
from portal.second_factor.queries import codes_left, factors_of
from portal.sign_in.sealed import Unreadable, seal, unseal
from tests import cast

pytestmark = pytest.mark.django_db
LOGIN, ASKED, OWN = "/accounts/login/", "/accounts/login/second/", "/accounts/second-factor/"
SECRET = codes.new_secret()


def code_at(now: datetime | None = None, secret: str = SECRET) -> str:
    return format_hotp_value(hotp_value(secret, int((now or timezone.now()).timestamp()) // 30))


def with_app(person: User) -> list[str]:
    """Sets one up; the code that did it was of two minutes ago."""
    before = timezone.now() - timedelta(minutes=2)
    return operations.add_app(person=person, secret=SECRET, code=code_at(before), now=before)


def after_password(person: User) -> Client:
    client = Client()
    answer = client.post(LOGIN, {"login": person.username, "password": cast.PASSWORD})
    assert answer["Location"] == ASKED
    return client


def is_in(client: Client) -> bool:
    return client.get("/coverage/").status_code == 200


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_password_alone_lets_nobody_in_who_has_an_app() -> None:
    ana = cast.ana()
    with_app(ana)
    client = after_password(ana)
    assert not is_in(client)
    assert not AuditEvent.objects.filter(kind="sign_in.succeeded").exists()
    assert client.post(ASKED, {"code": "000000"}).status_code == 422
    assert not is_in(client)
    assert client.post(ASKED, {"code": code_at()}).status_code == 302
    assert is_in(client)


def test_a_code_counts_once_even_in_another_browser_and_at_the_next_step() -> None:
    ana = cast.ana()
    with_app(ana)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        code = code_at()
        assert after_password(ana).post(ASKED, {"code": code}).status_code == 302
        for _ in range(2):
            assert after_password(ana).post(ASKED, {"code": code}).status_code == 422
            clock.shift(30)


def test_the_code_that_set_the_app_up_is_used_up() -> None:
    ana = cast.ana()
    now = timezone.now()
    operations.add_app(person=ana, secret=SECRET, code=code_at(now), now=now)
    assert operations.accept(person=ana, code=code_at(now), now=now) is None


def test_a_recovery_code_counts_once_and_is_kept_as_a_hash() -> None:
    ana = cast.ana()
    code = with_app(ana)[0]
    assert after_password(ana).post(ASKED, {"code": code.upper()}).status_code == 302
    assert after_password(ana).post(ASKED, {"code": code}).status_code == 422
    assert codes_left(ana) == codes.COUNT - 1
    kept = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert code not in kept
    assert SECRET not in kept


def test_wrong_codes_are_counted_told_and_written_down() -> None:
    ana = cast.ana()
    with_app(ana)
    client = after_password(ana)
    for _ in range(5):
        client.post(ASKED, {"code": "000000"})
    assert "Wait five minutes" in client.post(ASKED, {"code": code_at()}).content.decode()
    assert "Wait five minutes" in after_password(ana).post(ASKED, {"code": code_at()}).content.decode()
    assert ana.notifications.filter(kind="person.second_factor_guessed").count() == 1
    whys = AuditEvent.objects.filter(kind="sign_in.failed").values_list("summary", flat=True)
    assert any("the second factor was wrong" in why for why in whys)
    assert any("not looked at" in why for why in whys)


def test_a_thief_of_the_password_does_not_shut_the_owner_out_of_their_own_browser() -> None:
    ana = cast.ana()
    own = Client()
    own.post(LOGIN, {"login": "ana", "password": cast.PASSWORD})
    own.post("/accounts/logout/")
    with_app(ana)
    thief = after_password(ana)
    for _ in range(6):
        thief.post(ASKED, {"code": "000000"})
    own.post(LOGIN, {"login": "ana", "password": cast.PASSWORD})
    assert own.post(ASKED, {"code": code_at()}).status_code == 302


def test_the_step_leads_nowhere_without_a_password_before_it() -> None:
    ana = cast.ana()
    with_app(ana)
    assert Client().post(ASKED, {"code": code_at()})["Location"] == LOGIN
    assert Client().get(ASKED)["Location"] == LOGIN


@pytest.mark.parametrize(
    "credential",
    ["", "null", "[]", "{}", "3", '{"id": 1}', '{"id": "YQ", "rawId": "YQ", "type": "public-key", "response": {}}',
     ('{"id": "YQ", "rawId": "YQ", "type": "public-key", "response": {"clientDataJSON": "e30", '
     '"authenticatorData": "YQ", "signature": "YQ", "attestationObject": "oA"}}'), "[" * 5000],
)  # fmt: skip
def test_nonsense_in_place_of_a_passkey_is_refused_in_words(credential: str) -> None:
    ana = cast.ana()
    with_app(ana)
    client = after_password(ana)
    client.get(ASKED)
    assert client.post(ASKED, {"credential": credential}).status_code == 422
    assert not is_in(client)
    own = signed_in(cast.bo())
    page = f"http://localhost{OWN}passkey/"
    assert own.get(page, SERVER_NAME="localhost").status_code == 200
    answer = own.post(page, {"name": "Key", "credential": credential}, SERVER_NAME="localhost")
    assert answer.status_code == 422
    assert not factors_of(cast.bo()).exists()


def test_an_app_is_set_up_by_the_secret_of_the_page_which_a_reload_keeps() -> None:
    ana = cast.ana()
    client = signed_in(ana)
    page = client.get(f"{OWN}app/").content.decode()
    said = re.search(r'data-copy="([A-Z2-7 ]+)"', page)
    assert said
    assert said[1] in client.get(f"{OWN}app/").content.decode()
    secret = said[1].replace(" ", "")
    stored = "".join(session.session_data for session in Session.objects.all())
    assert secret not in str(client.session.items())
    assert secret not in stored
    assert client.post(f"{OWN}app/", {"code": "000000"}).status_code == 422
    answer = client.post(f"{OWN}app/", {"code": code_at(secret=secret)})
    assert answer.status_code == 200
    shown = re.findall(r"<li>([a-z2-9-]{27})</li>", answer.content.decode())
    assert len(shown) == codes.COUNT
    assert "no-store" in answer["Cache-Control"]
    assert AuditEvent.objects.get(kind="person.second_factor_added").actor == "Ana"
    assert ana.notifications.filter(kind="person.second_factor_added").exists()
    assert secret not in str(list(AuditEvent.objects.values()))
    assert 'style="' not in page


def test_new_codes_end_the_old_ones_and_need_a_factor_to_stand_in_for() -> None:
    ana = cast.ana()
    old = with_app(ana)[0]
    answer = signed_in(ana).post(f"{OWN}codes/")
    assert old not in answer.content.decode()
    assert after_password(ana).post(ASKED, {"code": old}).status_code == 422
    assert signed_in(cast.bo()).post(f"{OWN}codes/").status_code == 403


@pytest.mark.parametrize("method", ["get", "post"])
def test_who_has_a_demanding_role_sets_one_up_before_anything_else(settings: Settings, method: str) -> None:
    settings.SECOND_FACTOR_ROLES = ["admin"]
    client = Client()
    client.post(LOGIN, {"login": cast.ada().username, "password": cast.PASSWORD})
    for page in ("/", "/people/", "/sending/pause/", "/accounts/sessions/"):
        answer = getattr(client, method)(page)
        assert (answer.status_code, answer["Location"]) == (302, OWN), page
    assert client.get("/people/", headers={"HX-Request": "true"})["HX-Redirect"] == OWN
    page = client.get(OWN)
    assert "Set up a second factor first." in page.content.decode()
    assert client.get(f"{OWN}app/").status_code == 200
    with_app(cast.ada())
    assert client.get("/people/").status_code == 200
    assert signed_in(cast.ana()).get("/coverage/").status_code == 200


def test_whom_a_provider_vouches_for_is_asked_there(settings: Settings) -> None:
    settings.SECOND_FACTOR_ROLES = ["admin"]
    client = signed_in(cast.ada())
    session = client.session
    session["account_authentication_methods"] = [{"method": "socialaccount", "at": 1}]
    session["account_authentication_methods_user"] = str(cast.ada().pk)
    session.save()
    assert client.get("/people/").status_code == 200


def test_the_last_one_stays_while_a_role_demands_it(settings: Settings) -> None:
    ada = cast.ada()
    with_app(ada)
    factor = factors_of(ada).get()
    settings.SECOND_FACTOR_ROLES = ["admin"]
    with pytest.raises(Denied, match="patch admin demands"):
        operations.remove(factor=factor, now=timezone.now())
    settings.SECOND_FACTOR_ROLES = []
    assert signed_in(ada).post(f"{OWN}{factor.pk}/remove/").status_code == 302
    assert not Authenticator.objects.filter(user=ada).exists()
    assert AuditEvent.objects.filter(kind="person.second_factor_removed", actor="Ada").exists()


def test_nobody_removes_anothers() -> None:
    with_app(cast.ana())
    factor = factors_of(cast.ana()).get()
    assert signed_in(cast.ada()).post(f"{OWN}{factor.pk}/remove/").status_code == 404
    assert factors_of(cast.ana()).exists()


def test_an_admin_resets_it_and_every_session_ends() -> None:
    ana, ada = cast.ana(), cast.ada()
    with_app(ana)
    theirs = signed_in(ana)
    answer = signed_in(ada).post(f"/people/{ana.pk}/second-factor/reset/")
    assert answer.status_code == 302
    assert not Authenticator.objects.filter(user=ana).exists()
    assert not is_in(theirs)
    event = AuditEvent.objects.get(kind="person.second_factor_reset")
    assert (event.actor, event.subject_id) == ("Ada", str(ana.pk))
    assert ana.notifications.filter(kind="person.second_factor_reset").exists()
    assert signed_in(ada).post(f"/people/{ana.pk}/second-factor/reset/").status_code == 409


def test_whoever_runs_the_server_lets_an_admin_in_who_lost_theirs() -> None:
    ada = cast.ada()
    with_app(ada)
    make_or_rescue(username="ada")
    assert not Authenticator.objects.filter(user=ada).exists()
    assert "second factor" in AuditEvent.objects.get(kind="person.password").summary


def test_secrets_outlive_a_change_of_the_key_that_names_its_predecessor(settings: Settings) -> None:
    ana, old = cast.ana(), settings.SECRET_KEY
    recovery = with_app(ana)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-key-another-key-another-key", [old]
    assert operations.accept(person=ana, code=code_at(), now=timezone.now())
    settings.SECRET_KEY_FALLBACKS = []
    later = timezone.now() + timedelta(minutes=1)
    assert operations.accept(person=ana, code=code_at(later), now=later) is None
    assert operations.accept(person=ana, code=recovery[0], now=later)


def test_what_nobody_sealed_is_unreadable() -> None:
    assert unseal(seal("a secret")) == "a secret"
    for text in ("", "a secret", seal("a secret")[:-4] + "AAAA"):
        with pytest.raises(Unreadable):
            unseal(text)


def test_a_passkey_is_not_offered_at_a_number() -> None:
    client = signed_in(cast.ana())
    assert client.get(f"{OWN}passkey/", SERVER_NAME="127.0.0.1").status_code == 409
    assert "need a name" in client.get(OWN, SERVER_NAME="127.0.0.1").content.decode()
    page: Any = client.get(f"{OWN}passkey/", SERVER_NAME="localhost")
    assert '"id": "localhost"' in page.content.decode().replace("&quot;", '"')
