"""An empty portal has a way in, once; a locked-out admin has one, too; nobody else."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from portal.access.models import User
from portal.access.queries import has_role
from portal.access.states import Role
from portal.audit.models import AuditEvent
from portal.clock import database_now
from portal.notify.models import Notification
from portal.people.models import FirstAdminLink
from tests import cast

pytestmark = pytest.mark.django_db
ME = {
    "name": "Ines Indurain", "username": "ines", "email": "", "password": "tall-quiet-windows",
    "again": "tall-quiet-windows",
}  # fmt: skip


def run(*words: str) -> str:
    said = StringIO()
    call_command("first_admin", *words, stdout=said)
    return said.getvalue()


def link() -> str:
    (found,) = [word for word in run("--link").split() if word.startswith("http")]
    assert found.startswith(settings.PORTAL_URL)
    return found.removeprefix(settings.PORTAL_URL)


def test_the_link_makes_one_admin_and_signs_them_in(client: Client) -> None:
    address = link()
    assert "Become the first patch admin" in client.get(address).content.decode()
    answer = client.post(address, ME, follow=True)
    assert "Connect an AWS account" in answer.content.decode()
    ines = User.objects.get(username="ines")
    assert has_role(ines, Role.ADMIN)
    assert not ines.must_change_password
    assert [event.actor for event in AuditEvent.objects.filter(kind="person.first_admin")] == ["Patch Portal"]
    again = Client().post(address, ME | {"username": "eve"})
    assert again.status_code == 409
    assert not User.objects.filter(username="eve").exists()


def test_the_token_is_stored_nowhere() -> None:
    token = link().rstrip("/").rpartition("/")[2]
    stored = [*FirstAdminLink.objects.values_list("token_sha256", flat=True)]
    told = [f"{event.summary} {event.detail}" for event in AuditEvent.objects.all()]
    assert len(stored) == 1
    assert token not in " ".join([*stored, *told])


def over(address: str) -> None:
    FirstAdminLink.objects.update(ends_at=database_now() - timedelta(seconds=1))


def replaced(address: str) -> None:
    run("--link")


def an_admin_came(address: str) -> None:
    cast.ada()


@pytest.mark.parametrize("happened", [over, replaced, an_admin_came])
def test_a_link_that_is_over_lets_nobody_in(client: Client, happened: object) -> None:
    address = link()
    happened(address)  # type: ignore[operator]
    for answer in (client.get(address), client.post(address, ME)):
        assert answer.status_code == 409
        assert "This link makes no admin" in answer.content.decode()
    assert not User.objects.filter(username="ines").exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"again": "another-long-word"}, "again"),
        ({"password": "short", "again": "short"}, "password"),
        ({"username": "a b"}, "username"),
        ({"email": "nowhere"}, "email"),
    ],
)
def test_a_refused_field_is_named_and_the_link_stays_good(
    client: Client, wrong: dict[str, str], field: str
) -> None:
    address = link()
    answer = client.post(address, ME | wrong)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert client.post(address, ME).status_code == 302


def test_no_link_is_made_while_an_admin_is_there() -> None:
    cast.ada()
    assert run("--link") == ""
    assert not FirstAdminLink.objects.exists()


def test_a_shut_out_admin_is_none() -> None:
    User.objects.filter(pk=cast.ada().pk).update(is_active=False)
    assert "/people/first-admin/" in run("--link")


def test_the_command_makes_an_admin_who_chooses_a_password(client: Client) -> None:
    said = run("ines", "--email", "ines@example.com")
    password = said.split("shown once: ")[1].split()[0]
    ines = User.objects.get(username="ines")
    assert has_role(ines, Role.ADMIN)
    assert ines.email == "ines@example.com"
    client.post("/accounts/login/", {"login": "ines", "password": password})
    assert client.get("/")["Location"] == "/accounts/password/change/"


def test_a_locked_out_admin_is_rescued_and_the_others_are_told(client: Client) -> None:
    ada, bo = cast.ada(), cast.bo()
    User.objects.filter(pk=bo.pk).update(is_active=False)
    password = run("BO").split("shown once: ")[1].split()[0]
    bo.refresh_from_db()
    assert bo.is_active
    assert has_role(User.objects.get(pk=bo.pk), Role.ADMIN)
    assert has_role(bo, Role.APPROVER), "what they had before stays"
    assert client.login(username="bo", password=password)
    told = Notification.objects.get(user=ada)
    assert told.sentence == "Bo was made patch admin on the server's command line."
    assert User.objects.count() == 2


@pytest.mark.parametrize("words", [("a b",), ("ana@example.com",), ("ana", "--email", "x@example.com")])
def test_what_cannot_be_is_refused_in_a_sentence(words: tuple[str, ...]) -> None:
    cast.ana()
    with pytest.raises(CommandError, match=r"\w+.*\."):
        run(*words)
    assert User.objects.count() == 1


def test_the_page_of_signing_in_says_how_to_get_in(client: Client) -> None:
    assert "manage.py first_admin NAME" in client.get("/accounts/login/").content.decode()
    cast.ada()
    assert "first_admin" not in client.get("/accounts/login/").content.decode()
