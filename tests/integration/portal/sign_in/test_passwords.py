"""A password that an admin chose opens one page only; every change is audited and told and ends other sessions."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from portal.access.models import User
from portal.audit.models import AuditEvent
from portal.people.operations import people
from portal.sign_in import operations
from tests import cast

pytestmark = pytest.mark.django_db
CHOOSE, LOGIN, OWN = "/accounts/password/change/", "/accounts/login/", "a-password-of-my-own"


def signed_in(name: str, password: str) -> Client:
    client = Client()
    assert client.post(LOGIN, {"login": name, "password": password}).status_code == 302
    return client


def chosen(client: Client, old: str, new: str) -> int:
    return client.post(CHOOSE, {"oldpassword": old, "password1": new, "password2": new}).status_code


@pytest.fixture
def newcomer() -> tuple[User, str]:
    return people.add_person(
        username="nia", name="Nia", email="nia@example.com", by=cast.ada(), now=timezone.now()
    )


def test_the_first_password_opens_only_the_page_that_replaces_it(newcomer: tuple[User, str]) -> None:
    client = signed_in("nia", newcomer[1])
    for path in ("/", "/notifications/", "/coverage/"):
        assert client.get(path)["Location"] == CHOOSE
        assert client.post(path)["Location"] == CHOOSE
    fragment = client.get("/", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment["HX-Redirect"]) == (204, CHOOSE)
    assert "of your own" in client.get(CHOOSE).content.decode()
    assert client.get("/accounts/password/reset/").status_code == 200
    assert client.post("/accounts/logout/").status_code == 302


def test_it_is_not_kept_by_choosing_it_again(newcomer: tuple[User, str]) -> None:
    client = signed_in("nia", newcomer[1])
    assert chosen(client, newcomer[1], newcomer[1]) == 200
    assert client.get("/")["Location"] == CHOOSE
    assert chosen(client, newcomer[1], OWN) == 302
    assert client.get("/").status_code == 200


def test_a_password_given_by_an_admin_must_be_replaced_too() -> None:
    ana = cast.ana()
    password = operations.new_password(person=ana, by=cast.ada(), now=timezone.now())
    client = signed_in("ana", password)
    assert client.get("/")["Location"] == CHOOSE
    assert chosen(client, password, OWN) == 302
    assert client.get("/").status_code == 200


def test_a_change_is_audited_told_and_ends_the_other_sessions(settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    ana = cast.ana()
    here, elsewhere = signed_in("ana", cast.PASSWORD), signed_in("ana", cast.PASSWORD)
    assert chosen(here, cast.PASSWORD, OWN) == 302
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302
    event = AuditEvent.objects.get(kind="person.password_changed")
    assert (event.actor, event.subject_id) == ("Ana", str(ana.pk))
    assert ana.notifications.get().kind == "person.password_changed"
    assert ana.security_notices.get().address == ana.email


def test_a_reset_by_link_is_audited_and_counts_as_ones_own(client: Client, settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    operations.new_password(person=cast.ana(), by=cast.ada(), now=timezone.now())
    client.post("/accounts/password/reset/", {"email": cast.ana().email})
    link = next(word for word in mail.outbox[0].body.split() if "/reset/key/" in word)
    form = client.get(link, follow=True)
    client.post(form.request["PATH_INFO"], {"password1": OWN, "password2": OWN})
    assert AuditEvent.objects.get(kind="person.password_reset").actor == "Ana"
    assert signed_in("ana", OWN).get("/").status_code == 200


def test_no_event_or_notice_holds_a_password(newcomer: tuple[User, str]) -> None:
    chosen(signed_in("nia", newcomer[1]), newcomer[1], OWN)
    written = str(list(AuditEvent.objects.values())) + str(list(newcomer[0].notifications.values()))
    assert "person.password_changed" in written
    assert OWN not in written
    assert newcomer[1] not in written


def test_who_has_no_password_is_told_so_where_others_change_theirs() -> None:
    ana, client = cast.ana(), Client()
    ana.set_unusable_password()
    ana.save()
    client.force_login(ana)
    answer = client.get(CHOOSE)
    assert answer.status_code == 409
    assert "without a password" in answer.content.decode()
