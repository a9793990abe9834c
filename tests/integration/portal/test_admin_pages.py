"""Accounts, coverage, audit, notifications and people: who may open them, and what they refuse in a sentence."""

from __future__ import annotations

import pytest
from django.test import Client

from portal.access.models import Grant, User
from portal.audit.models import AuditEvent
from portal.inventory.models import Account
from portal.notify.operations import notify
from tests import cast

pytestmark = pytest.mark.django_db
ADMIN_ONLY = ["/aws-accounts/", "/aws-accounts/new/", "/people/", "/people/new/"]
WATCHERS = ["/coverage/", "/coverage/servers.csv", "/audit/", "/audit/events.csv"]


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def fleet() -> None:
    cast.an_asset(coverage="no_agent", coverage_reasons=["no_agent"], name="mute-1")
    cast.an_asset(application="intranet", coverage="no_owner", coverage_reasons=["no_owner"], name="orphan-1")


@pytest.mark.parametrize("path", [*ADMIN_ONLY, *WATCHERS, "/notifications/"])
def test_an_admin_sees_every_page(fleet: None, path: str) -> None:
    assert client_of(cast.ada()).get(path).status_code == 200


@pytest.mark.parametrize("path", ADMIN_ONLY)
@pytest.mark.parametrize("person", [cast.ana, cast.bo, cast.cy, cast.audrey])
def test_nobody_else_sees_the_admin_pages(fleet: None, path: str, person: object) -> None:
    answer = client_of(person()).get(path)  # type: ignore[operator]
    assert answer.status_code == 403
    assert b"patch admin" in answer.content


@pytest.mark.parametrize("path", ["/audit/", "/audit/events.csv"])
def test_owners_do_not_read_the_audit_trail(path: str) -> None:
    assert client_of(cast.ana()).get(path).status_code == 403
    assert client_of(cast.audrey()).get(path).status_code == 200


def test_coverage_names_the_server_and_the_reason(fleet: None) -> None:
    page = client_of(cast.ada()).get("/coverage/").content.decode()
    assert "mute-1" in page
    assert "No working SSM agent" in page


ACCOUNT = {"account_id": "555566667777", "name": "Shop", "role_name": "PatchPortal",
           "regions": "eu-central-1"}  # fmt: skip


def test_an_account_is_connected_and_audited() -> None:
    answer = client_of(cast.ada()).post("/aws-accounts/new/", ACCOUNT)
    assert answer.status_code == 302
    account = Account.objects.get(account_id="555566667777")
    assert account.regions == ["eu-central-1"]
    assert AuditEvent.objects.filter(kind="account.added", subject_id="555566667777").exists()


def test_what_an_account_was_stands_beside_what_it_became() -> None:
    account, client = cast.an_account(external_id=""), client_of(cast.ada())
    wanted = ACCOUNT | {"account_id": account.account_id, "active": "on"}
    assert client.post(f"/aws-accounts/{account.pk}/", wanted).status_code == 302
    event = AuditEvent.objects.get(kind="account.changed")
    assert event.detail == {"changed": {"name": ["Payments", "Shop"], "external_id": "changed"}}
    page = client_of(cast.audrey()).get("/audit/").content.decode()
    assert "Name: Payments → Shop" in page
    assert "External id changed" in page
    account.refresh_from_db()
    assert account.external_id.endswith("-111122223333")
    assert account.external_id not in page
    csv = b"".join(client_of(cast.audrey()).get("/audit/events.csv")).decode()
    assert "Name: Payments → Shop; External id changed" in csv


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("account_id", "12", "12 digits"),
        ("role_name", "not a role!", "role"),
        ("regions", "mars-1", "region"),
        ("regions", "us-gov-west-1", "need a portal of their own"),
        ("regions", "eu-central-1 cn-north-1", "cn-north-1 belongs to the partition aws-cn"),
        ("regions", "", ""),
    ],
)
def test_a_wrong_account_is_refused_at_its_field(field: str, value: str, words: str) -> None:
    answer = client_of(cast.ada()).post("/aws-accounts/new/", ACCOUNT | {field: value})
    assert answer.status_code in {200, 422}
    assert words in answer.content.decode()
    assert not Account.objects.exists()


def test_the_last_admin_stays() -> None:
    ada = cast.ada()
    grant = Grant.objects.get(user=ada, role="admin")
    client_of(ada).post(f"/people/{ada.pk}/take/{grant.pk}/")
    assert Grant.objects.filter(pk=grant.pk).exists()


def test_a_right_is_given_and_taken() -> None:
    cy, client = cast.cy(), client_of(cast.ada())
    given = {"role": "owner", "dimension": "application", "value": "payments"}
    client.post(f"/people/{cy.pk}/give/", given)
    grant = Grant.objects.get(user=cy, value="payments")
    client.post(f"/people/{cy.pk}/take/{grant.pk}/")
    assert not Grant.objects.filter(pk=grant.pk).exists()
    assert AuditEvent.objects.filter(subject_type="person").count() >= 2 or AuditEvent.objects.count() >= 2


def test_notifications_are_read_by_their_owner_only() -> None:
    notify("person.granted", cast.ana(), said="Bo approved your exception.")
    assert b"Bo approved" in client_of(cast.ana()).get("/notifications/").content
    assert b"Bo approved" not in client_of(cast.cy()).get("/notifications/").content
    client_of(cast.ana()).post("/notifications/read/")
    assert cast.ana().notifications.get().read_at is not None
