"""Sessions end: by their limits, by their person, and with the person's access."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from portal.access.models import User
from portal.audit.models import AuditEvent
from portal.people.operations.people import set_active
from portal.sign_in.models import OpenSession
from portal.sign_in.own_sessions import browser_words
from tests import cast

pytestmark = pytest.mark.django_db
START = datetime(2026, 12, 5, 20, 0, tzinfo=UTC)
PAGE = "/accounts/sessions/"


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    assert client.get(PAGE).status_code == 200
    return client


def later(client: Client, minutes: float, **headers: str) -> int:
    """The status of a page so long after START."""
    with time_machine.travel(START + timedelta(minutes=minutes), tick=False):
        return client.get(PAGE, headers=headers).status_code


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    settings.SESSION_LIMITS = dict.fromkeys(["owner", "approver", "auditor"], (day, 7 * day)) | {
        "admin": (hour, 8 * hour)
    }


@time_machine.travel(START, tick=False)
def test_an_idle_session_of_an_admin_ends_and_an_owners_goes_on() -> None:
    ada, ana = signed_in(cast.ada()), signed_in(cast.ana())
    assert later(ada, 59) == 200
    assert later(ada, 118) == 200, "each request begins the hour anew"
    assert later(ada, 179) == 302
    assert later(ana, 179) == 200
    with time_machine.travel(START + timedelta(minutes=180), tick=False):
        page = ada.get("/accounts/login/").content.decode()
    assert "nothing was done here for 1 hour" in page
    assert "_auth_user_id" not in ada.session
    assert AuditEvent.objects.filter(kind="sign_in.session_ended").count() == 1


@time_machine.travel(START, tick=False)
def test_a_session_ends_in_any_case() -> None:
    ada = signed_in(cast.ada())
    for half_hour in range(1, 16):
        assert later(ada, half_hour * 30) == 200
    assert later(ada, 480) == 302


@time_machine.travel(START, tick=False)
def test_a_page_that_reloads_its_parts_shows_nobodys_presence() -> None:
    ada = signed_in(cast.ada())
    assert later(ada, 40, **{"HX-Request": "true"}) == 200
    assert later(ada, 61, **{"HX-Request": "true"}) == 204
    assert later(ada, 61) == 302


@time_machine.travel(START, tick=False)
def test_the_strictest_role_counts() -> None:
    ana = cast.ana()
    ana.grants.create(role="admin", dimension="everything")
    assert later(signed_in(ana), 61) == 302


@time_machine.travel(START, tick=False)
def test_it_leads_back_to_the_page() -> None:
    ada = signed_in(cast.ada())
    with time_machine.travel(START + timedelta(hours=2), tick=False):
        answer = ada.get("/coverage/?q=a")
    assert answer["Location"] == "/accounts/login/?next=%2Fcoverage%2F%3Fq%3Da"


def test_a_person_sees_and_ends_their_own_sessions() -> None:
    ana = cast.ana()
    here, there = signed_in(ana), signed_in(ana)
    page = here.get(PAGE).content.decode()
    assert "signed in 2 times" in page
    other = OpenSession.objects.exclude(session_key=here.session.session_key).get()
    assert here.post(f"{PAGE}{other.pk}/end/").status_code == 302
    assert there.get(PAGE).status_code == 302
    assert here.get(PAGE).status_code == 200
    mine = OpenSession.objects.get()
    assert here.post(f"{PAGE}{mine.pk}/end/")["Location"] == "/accounts/login/"
    assert here.get(PAGE).status_code == 302


def test_the_session_is_still_known_after_another_password() -> None:
    here, there = signed_in(cast.ana()), signed_in(cast.ana())
    wanted = {
        "oldpassword": cast.PASSWORD,
        "password1": "another-long-password",
        "password2": "another-long-password",
    }
    assert here.post("/accounts/password/change/", wanted).status_code == 302
    page = here.get(PAGE).content.decode()
    assert "this one" in page
    assert OpenSession.objects.filter(session_key=here.session.session_key).exists()
    assert there.get(PAGE).status_code == 302


def test_nobody_ends_anothers() -> None:
    signed_in(cast.ana())
    row = OpenSession.objects.get()
    bo = signed_in(cast.bo())
    assert bo.post(f"{PAGE}{row.pk}/end/").status_code == 404
    assert OpenSession.objects.filter(pk=row.pk).exists()


def test_shutting_somebody_out_ends_their_sessions_at_once_and_for_good() -> None:
    ada, ana = cast.ada(), cast.ana()
    browser = signed_in(ana)
    set_active(person=ana, active=False, by=ada, now=timezone.now())
    assert browser.get(PAGE).status_code == 302
    set_active(person=ana, active=True, by=ada, now=timezone.now())
    assert browser.get(PAGE).status_code == 302, "a session of before does not come back to life"
    assert not OpenSession.objects.exists()


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1", "Safari on iPhone"),
        ("", "Unknown browser"),
    ],
)  # fmt: skip
def test_a_browser_is_named_as_people_know_it(agent: str, words: str) -> None:
    assert browser_words(agent) == words
