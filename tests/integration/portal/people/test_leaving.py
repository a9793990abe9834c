"""Whoever leaves is out at once; what they had open is listed and handed over; the last admin may leave, too."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from exceptions import operations as exceptions
from exceptions.models import ExceptionRequest
from patching.models import Enrolment
from patching.operations.runs import plan_occurrence
from portal.access.models import Grant, User
from portal.access.queries import an_admin_is_left
from portal.access.rules import Conflict, Denied, Invalid
from portal.access.states import Dimension, Role
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.people.leaving import hand_over, left_open
from portal.people.operations import people
from portal.people.operations.first_admin import make_or_rescue
from tests import cast

pytestmark = pytest.mark.django_db


def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def owner(name: str, application: str = "payments") -> User:
    made = cast._person(name)
    Grant.objects.get_or_create(
        user=made, role=Role.OWNER, dimension=Dimension.APPLICATION, value=application
    )
    return made


def asked(*assets: Asset, by: User | None = None) -> ExceptionRequest:
    cast.bo()  # somebody has to be there who could approve it
    today = timezone.now().date()
    return exceptions.submit(
        assets=assets, from_date=today + timedelta(days=2), to_date=today + timedelta(days=9),
        time_zone="Europe/Berlin", category="audit", reason="The auditors work on these servers.",
        by=by or cast.ana(), now=timezone.now(),
    )  # fmt: skip


def handed(to: User | None) -> Any:
    return hand_over(person=cast.ana(), to=to, by=cast.ada(), now=timezone.now())


def sentences(person: User) -> list[str]:
    return [one.sentence for one in left_open(person)]


def test_a_live_session_is_over_with_its_very_next_request() -> None:
    ana = cast.ana()
    theirs = browser(ana)
    assert theirs.get("/coverage/").status_code == 200
    browser(cast.ada()).post(f"/people/{ana.pk}/active/", {"active": "0"})
    assert theirs.get("/coverage/").status_code == 302


def test_what_they_leave_open_stands_on_their_page() -> None:
    ana, bo, server = cast.ana(), cast.bo(), cast.an_asset()
    request = asked(server)
    window = cast.a_window(name="Saturday night")
    Enrolment.objects.create(asset=server, window=window, by=ana, since=timezone.now())
    run = plan_occurrence(window, window.recurrence.next(timezone.now(), 1)[0], now=timezone.now())
    type(run).objects.filter(pk=run.pk).update(created_by=ana)
    assert sentences(ana) == [
        f"Exception {request.pk} for 1 server: waiting for approval",
        "Run Saturday night, which they started: planned; it goes on",
        "Saturday night: they put 1 server into it, which stay",
    ]
    assert sentences(bo) == [
        f"Exception {request.pk} waits, and nobody else may decide it: give somebody the right"
    ]
    page = browser(cast.ada()).get(f"/people/{ana.pk}/").content.decode()
    assert "What would stay open without them" in page
    assert f'href="/exceptions/{request.pk}/"' in page
    second = cast._person("di")
    Grant.objects.create(user=second, role=Role.APPROVER, dimension=Dimension.EVERYTHING)
    assert sentences(bo) == []


def test_requests_become_those_of_another_owner() -> None:
    request, eli = asked(cast.an_asset()), owner("eli")
    answer = browser(cast.ada()).post(f"/people/{cast.ana().pk}/hand-over/", {"to": str(eli.pk)}, follow=True)
    assert "1 request handed over." in answer.content.decode()
    request.refresh_from_db()
    assert request.requested_by == eli
    assert AuditEvent.objects.get(kind="exception.handed_over").actor == "Ada"
    assert AuditEvent.objects.get(kind="person.handed_over").subject_id == str(cast.ana().pk)
    assert "You answer for it now" in eli.notifications.get(kind="person.handed_over").sentence
    exceptions.withdraw(request=request, by=eli, now=timezone.now())
    with pytest.raises(Denied):
        exceptions.withdraw(request=asked(cast.an_asset(), by=eli), by=cast.ana(), now=timezone.now())


def test_nobody_gets_what_they_do_not_own_or_decided_on() -> None:
    mine, both = asked(cast.an_asset()), asked(cast.an_asset())
    with pytest.raises(Conflict, match="does not own every server"):
        handed(cast.cy())
    bo = owner("bo")
    exceptions.approve(request=mine, by=bo, now=timezone.now())
    done = handed(bo)
    assert (done.moved, done.stayed) == (
        1,
        [f"Exception {mine.pk} stays: Bo decided on it, and nobody decides their own."],
    )
    both.refresh_from_db()
    assert both.requested_by == bo


def test_it_goes_to_an_owner_who_may_sign_in_and_to_nobody_else() -> None:
    asked(cast.an_asset())
    gone = owner("eli")
    people.set_active(person=gone, active=False, by=cast.ada(), now=timezone.now())
    for to in (None, cast.ana(), cast.audrey(), gone):
        with pytest.raises(Invalid):
            handed(to)
    with pytest.raises(Denied):
        hand_over(person=cast.ana(), to=owner("eva"), by=cast.bo(), now=timezone.now())
    answer = browser(cast.ada()).post(f"/people/{cast.ana().pk}/hand-over/", {"to": "999999"})
    assert answer.status_code == 422


def test_what_is_over_is_not_listed() -> None:
    request = asked(cast.an_asset())
    exceptions.withdraw(request=request, by=cast.ana(), now=timezone.now())
    assert sentences(cast.ana()) == []
    with pytest.raises(Conflict):
        handed(owner("eli"))


def test_the_last_admin_leaves_and_the_server_lets_another_in() -> None:
    ada, audrey = cast.ada(), cast.audrey()
    client = browser(ada)
    assert "No patch admin would be left" in client.get(f"/people/{ada.pk}/").content.decode()
    assert client.post(f"/people/{ada.pk}/active/", {"active": "0"}).status_code == 302
    assert not an_admin_is_left()
    assert "manage.py first_admin" in Client().get("/accounts/login/").content.decode()
    assert AuditEvent.objects.filter(kind="person.no_admin_left").exists()
    assert audrey.notifications.filter(kind="person.no_admin_left").exists()
    make_or_rescue(username="ada")
    assert an_admin_is_left()


def test_one_of_two_admins_leaves_quietly() -> None:
    eve = cast._person("eve")
    Grant.objects.create(user=eve, role=Role.ADMIN, dimension=Dimension.EVERYTHING)
    people.set_active(person=eve, active=False, by=cast.ada(), now=timezone.now())
    assert not AuditEvent.objects.filter(kind="person.no_admin_left").exists()
