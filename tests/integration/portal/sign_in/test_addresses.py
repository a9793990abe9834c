"""E-mail addresses belong to one person, are given by an admin alone, and nobody's changes in silence."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from pytest_django import Settings

from portal.access.models import User
from portal.access.rules import Denied, Invalid
from portal.audit.models import AuditEvent
from portal.notify.channels.mail.channel import TRIES
from portal.notify.models import SecurityNotice
from portal.notify.operations import send_due
from portal.people.operations import grants, people
from tests import cast

pytestmark = pytest.mark.django_db
RESET = "/accounts/password/reset/"
MEANT = {"account_login", "account_logout", "account_inactive", "account_change_password", "account_reset_password",
         "account_reset_password_done", "account_reset_password_from_key",
         "account_reset_password_from_key_done", "mfa_authenticate"}  # fmt: skip


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def change(person: User, email: str, *, by: User | None = None) -> None:
    people.change_person(
        person=person, name=person.get_full_name(), email=email, by=by or cast.ada(), now=timezone.now()
    )


def test_only_the_meant_pages_of_allauth_are_mounted() -> None:
    names = {str(name) for name in get_resolver().reverse_dict if isinstance(name, str)}
    assert {name for name in names if name.startswith(("account_", "socialaccount_", "mfa_"))} == MEANT


@pytest.mark.parametrize(
    "path", ["email/", "signup/", "confirm-email/", "password/set/", "reauthenticate/", ""]
)
def test_nobody_adds_an_address_themselves(path: str) -> None:
    client, stolen = client_of(cast.ana()), {"action_add": "", "email": cast.ada().email}
    assert client.get(f"/accounts/{path}").status_code == 404
    assert client.post(f"/accounts/{path}", stolen).status_code == 404
    assert not EmailAddress.objects.exists()


def test_an_admin_changes_an_address_and_everybody_concerned_is_told(settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    ana = cast.ana()
    answer = client_of(cast.ada()).post(
        f"/people/{ana.pk}/change/", {"name": "Ana Lee", "email": "New@Example.com"}
    )
    assert answer.status_code == 302
    event = AuditEvent.objects.get(kind="person.changed")
    assert event.detail == {
        "changed": {"name": ["Ana", "Ana Lee"], "email": ["ana@example.com", "new@example.com"]}
    }
    assert event.actor == "Ada"
    send_due(now=timezone.now())
    assert sorted(message.to[0] for message in mail.outbox) == ["ana@example.com", "new@example.com"]
    assert "from ana@example.com to new@example.com" in mail.outbox[0].body
    assert ana.notifications.get().kind == "person.changed"


def test_links_go_to_the_new_address_and_those_to_the_old_one_end(client: Client, settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    client.post(RESET, {"email": cast.ana().email})
    link = next(line for line in mail.outbox.pop().body.split() if "/password/reset/key/" in line)
    change(cast.ana(), "new@example.com")
    assert "used or is too old" in client.get(link, follow=True).content.decode()
    client.post(RESET, {"email": "ana@example.com"})
    assert not mail.outbox
    client.post(RESET, {"email": "new@example.com"})
    assert [message.to for message in mail.outbox] == [["new@example.com"]]


def test_a_link_names_the_portals_own_address(client: Client, settings: Settings) -> None:
    settings.EMAIL_HOST, settings.PORTAL_URL = "mail.example.com", "https://patch.example.com"
    settings.ALLOWED_HOSTS = ["*"]
    client.post(RESET, {"email": cast.ana().email}, headers={"host": "evil.example.com"})
    assert "https://patch.example.com/accounts/password/reset/key/" in mail.outbox[0].body
    assert "evil" not in mail.outbox[0].subject + mail.outbox[0].body


@pytest.mark.parametrize("email", ["ADA@example.com", "not an address", "", "a@b\n.example.com"])
def test_an_address_that_cannot_be_is_refused(email: str) -> None:
    cast.ada()
    with pytest.raises(Invalid):
        change(cast.ana(), email)
    assert cast.ana().email == "ana@example.com"


def test_a_user_name_that_is_somebodys_address_is_refused() -> None:
    with pytest.raises(Invalid, match="signs in with"):
        people.add_person(
            username=cast.ana().email, name="Eve", email="eve@example.com", by=cast.ada(), now=timezone.now()
        )


def test_nobody_else_changes_an_address() -> None:
    assert (
        client_of(cast.bo())
        .post(f"/people/{cast.ana().pk}/change/", {"name": "x", "email": "e@e.de"})
        .status_code
        == 403
    )
    with pytest.raises(Denied):
        change(cast.ana(), "eve@example.com", by=cast.ana())


def test_the_database_itself_knows_one_person_an_address() -> None:
    cast.ana()
    for facts in (
        {"username": "eve", "email": "ANA@example.com"},
        {"username": "ANA", "email": "eve@example.com"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.create(**facts)
    User.objects.create(username="one", email="")
    User.objects.create(username="two", email="")


def test_a_change_of_rights_is_told(settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    ana, ada, now = cast.ana(), cast.ada(), timezone.now()
    grant = grants.grant_role(
        person=ana, role="approver", dimension="application", value="shop", by=ada, now=now
    )
    grants.revoke(grant=grant, by=ada, now=now)
    people.set_active(person=ana, active=False, by=ada, now=now)
    kinds = ["person.granted", "person.revoked", "person.shut_out"]
    assert list(ana.notifications.order_by("pk").values_list("kind", flat=True)) == kinds
    assert SecurityNotice.objects.filter(address=ana.email).count() == 3


def test_without_a_mail_server_the_portal_alone_tells(settings: Settings) -> None:
    settings.EMAIL_HOST = ""
    change(cast.ana(), "new@example.com")
    assert cast.ana().notifications.count() == 1
    assert not SecurityNotice.objects.exists()


def test_a_mail_server_that_is_away_is_asked_again_and_given_up_in_the_trail(settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example.com"
    change(cast.ana(), "new@example.com")
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    send_due(now=timezone.now())
    # The round ends at the first.
    assert sorted(SecurityNotice.objects.values_list("tries", flat=True)) == [0, 1]
    while due := SecurityNotice.objects.exclude(next_try_at=None).order_by("-next_try_at").first():
        send_due(now=due.next_try_at)  # type: ignore[arg-type]
    assert list(SecurityNotice.objects.values_list("tries", "sent_at")) == [(TRIES, None)] * 2
    told = AuditEvent.objects.filter(kind="person.not_told", summary__contains="e-mail to ana@example.com")
    assert told.count() == 1
