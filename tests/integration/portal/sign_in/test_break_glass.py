"""An admin who signs in past the identity providers is let in, and every admin hears of it."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from portal.access.models import Grant, User
from portal.access.states import Dimension, Role
from portal.audit.models import AuditEvent
from portal.identity_providers.kinds import OpenIDConnect
from portal.notify.models import SecurityNotice
from tests import cast

pytestmark = pytest.mark.django_db
PROVIDER = OpenIDConnect(id="okta", name="Okta", issuer="https://okta.example", client_id="patch-portal")


def sign_in(person: User) -> None:
    sent = {"login": person.username, "password": cast.PASSWORD}
    assert Client().post("/accounts/login/", sent).status_code == 302


@pytest.fixture
def other_admin() -> User:
    made = cast._person("eve")
    Grant.objects.create(user=made, role=Role.ADMIN, dimension=Dimension.EVERYTHING)
    return made


def test_it_is_audited_by_a_name_of_its_own_and_every_admin_is_told(
    settings: Settings, other_admin: User
) -> None:
    settings.IDENTITY_PROVIDERS, settings.EMAIL_HOST = [PROVIDER], "mail.example.com"
    sign_in(cast.ada())
    event = AuditEvent.objects.get(kind="sign_in.break_glass")
    assert (event.actor, event.detail["source"]) == ("Ada", "127.0.0.1")
    for admin in (cast.ada(), other_admin):
        assert "past the identity providers" in admin.notifications.get(kind="person.break_glass").sentence
        assert SecurityNotice.objects.filter(address=admin.email).exists()


def test_where_there_are_no_providers_or_no_admin_it_is_an_ordinary_sign_in(settings: Settings) -> None:
    sign_in(cast.ada())
    settings.IDENTITY_PROVIDERS = [PROVIDER]
    sign_in(cast.ana())
    assert not AuditEvent.objects.filter(kind="sign_in.break_glass").exists()
    assert AuditEvent.objects.filter(kind="sign_in.succeeded").count() == 2
