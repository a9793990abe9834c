"""Nobody gets the approver's right by one admin's word, where there is a second; alone it is allowed, and loud."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from portal.access.models import Grant, User
from portal.access.rules import Conflict, Denied
from portal.access.states import Dimension, Role
from portal.audit.models import AuditEvent
from portal.federation.models import RoleRule, rules_in_force
from portal.federation.operations import rules
from portal.federation.words import rule_words
from portal.people.models import WaitingGrant
from portal.people.operations import grants, people
from tests import cast

pytestmark = pytest.mark.django_db
RIGHT = {"role": "approver", "dimension": "application", "value": "payments"}


@pytest.fixture
def eve() -> User:
    """The second admin."""
    return made_admin("eve")


def made_admin(name: str) -> User:
    person = cast._person(name)
    Grant.objects.get_or_create(user=person, role=Role.ADMIN, dimension=Dimension.EVERYTHING)
    return person


def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def asked() -> WaitingGrant:
    found = grants.grant_role(person=cast.cy(), **RIGHT, by=cast.ada(), now=timezone.now())
    assert isinstance(found, WaitingGrant)
    return found


def kinds() -> list[str]:
    events = AuditEvent.objects.filter(subject_type="person").order_by("pk")
    return [event.kind.removeprefix("person.") for event in events]


def approves(person: User) -> bool:
    return Grant.objects.filter(user=person, role=Role.APPROVER).exists()


def test_it_waits_until_a_second_admin_agrees(eve: User) -> None:
    answer = browser(cast.ada()).post(f"/people/{cast.cy().pk}/give/", RIGHT, follow=True)
    assert "Another patch admin has to agree" in answer.content.decode()
    assert not approves(cast.cy())
    assert eve.notifications.get(kind="person.grant_waits").url == f"/people/{cast.cy().pk}/"
    assert not cast.ada().notifications.filter(kind="person.grant_waits").exists()
    waiting = WaitingGrant.objects.get()
    page = browser(eve).get(f"/people/{cast.cy().pk}/").content.decode()
    assert "Ada" in page
    assert f"/waiting/{waiting.pk}/agree/" in page
    assert browser(eve).post(f"/people/{cast.cy().pk}/waiting/{waiting.pk}/agree/").status_code == 302
    assert approves(cast.cy())
    assert kinds() == ["grant_asked", "grant_agreed", "granted"]
    assert cast.cy().notifications.filter(kind="person.granted").exists()
    assert not WaitingGrant.objects.exists()


def test_neither_the_asker_nor_whom_it_is_for_agrees(eve: User) -> None:
    waiting = asked()
    with pytest.raises(Denied, match="asked for this yourself"):
        grants.agree(waiting=waiting, by=cast.ada(), now=timezone.now())
    made_admin("cy")
    with pytest.raises(Denied, match="meant for you"):
        grants.agree(waiting=waiting, by=cast.cy(), now=timezone.now())
    answer = browser(cast.ada()).post(f"/people/{cast.cy().pk}/waiting/{waiting.pk}/agree/")
    assert answer.status_code == 403
    assert not approves(cast.cy())


def test_an_admin_does_not_give_it_to_themselves(eve: User) -> None:
    found = grants.grant_role(person=cast.ada(), **RIGHT, by=cast.ada(), now=timezone.now())
    assert isinstance(found, WaitingGrant)
    grants.agree(waiting=found, by=eve, now=timezone.now())
    assert approves(cast.ada())


def test_it_is_declined_by_either_and_the_asker_hears_of_it(eve: User) -> None:
    grants.decline(waiting=asked(), by=eve, now=timezone.now())
    assert cast.ada().notifications.filter(kind="person.grant_declined").exists()
    grants.decline(waiting=asked(), by=cast.ada(), now=timezone.now())
    assert not WaitingGrant.objects.exists()
    assert not approves(cast.cy())
    assert kinds().count("grant_declined") == 2


def test_asking_twice_is_one_wish_and_it_ends(eve: User) -> None:
    waiting = asked()
    with pytest.raises(Conflict, match="asked for this already"):
        asked()
    late = waiting.ends_at + timedelta(seconds=1)
    with pytest.raises(Conflict, match="over"):
        grants.agree(waiting=waiting, by=eve, now=late)
    assert "over" not in kinds()
    grants.grant_role(person=cast.cy(), **RIGHT, by=cast.ada(), now=late)
    assert WaitingGrant.objects.get().pk != waiting.pk


def test_two_who_agree_at_once_give_it_once(eve: User) -> None:
    waiting = asked()
    grants.agree(waiting=waiting, by=eve, now=timezone.now())
    with pytest.raises(Conflict):
        grants.agree(waiting=waiting, by=eve, now=timezone.now())


@pytest.mark.parametrize("lost", ["shut out", "no admin any more"])
def test_what_somebody_asked_for_ends_with_their_own_right(eve: User, lost: str) -> None:
    asked()
    if lost == "shut out":
        people.set_active(person=cast.ada(), active=False, by=eve, now=timezone.now())
    else:
        grants.revoke(grant=cast.ada().grants.get(), by=eve, now=timezone.now())
    assert not WaitingGrant.objects.exists()


def test_a_single_admin_may_and_every_approver_is_told() -> None:
    bo = cast.bo()
    found = grants.grant_role(person=cast.cy(), **RIGHT, by=cast.ada(), now=timezone.now())
    assert isinstance(found, Grant)
    assert kinds() == ["granted", "granted_alone"]
    said = bo.notifications.get(kind="person.granted_alone").sentence
    assert said == "Ada alone made Cy business leader of application payments: there is no second admin."


def test_a_second_admin_who_is_shut_out_is_none(eve: User) -> None:
    people.set_active(person=eve, active=False, by=cast.ada(), now=timezone.now())
    assert isinstance(grants.grant_role(person=cast.cy(), **RIGHT, by=cast.ada(), now=timezone.now()), Grant)


@pytest.mark.parametrize("role", ["owner", "auditor"])
def test_other_rights_wait_for_nobody(eve: User, role: str) -> None:
    where = RIGHT | {"role": role} | ({"dimension": "everything", "value": ""} if role == "auditor" else {})
    assert isinstance(grants.grant_role(person=cast.cy(), **where, by=cast.ada(), now=timezone.now()), Grant)


def test_a_policy_without_it_gives_it_at_once(eve: User, settings: Settings) -> None:
    settings.FOUR_EYES = False
    assert isinstance(grants.grant_role(person=cast.cy(), **RIGHT, by=cast.ada(), now=timezone.now()), Grant)
    assert kinds() == ["granted"]


def test_one_that_groups_gave_may_be_made_lasting_by_two(eve: User) -> None:
    Grant.objects.create(user=cast.cy(), **RIGHT, provider="okta")
    grants.agree(waiting=asked(), by=eve, now=timezone.now())
    assert Grant.objects.get(user=cast.cy(), role=Role.APPROVER).provider == ""


RULE = {
    "provider": "",
    "claim": "groups",
    "value": "leaders",
    "role": "approver",
    "dimension": "everything",
    "scope": "",
}


def test_a_rule_that_gives_it_counts_only_once_a_second_admin_agreed(eve: User) -> None:
    rule = rules.add_rule(**RULE, by=cast.ada(), now=timezone.now())
    assert not rules_in_force().exists()
    assert eve.notifications.filter(kind="role_rule.waits").exists()
    with pytest.raises(Denied, match="asked for this yourself"):
        rules.agree_to_rule(rule=rule, said=rule_words(rule), by=cast.ada(), now=timezone.now())
    page = browser(eve).get("/people/sign-in/").content.decode()
    assert "a second admin has to agree" in page
    answer = browser(eve).post(f"/people/sign-in/rules/{rule.pk}/agree/", {"said": rule_words(rule)})
    assert answer.status_code == 302
    assert list(rules_in_force()) == [rule]


def test_a_change_of_it_waits_anew_and_nobody_agrees_to_what_they_did_not_see(eve: User) -> None:
    rule = rules.add_rule(**RULE, by=cast.ada(), now=timezone.now())
    shown = rule_words(rule)
    rules.change_rule(rule=rule, **RULE | {"value": "*"}, by=cast.ada(), now=timezone.now())
    with pytest.raises(Conflict, match="changed meanwhile"):
        rules.agree_to_rule(rule=rule, said=shown, by=eve, now=timezone.now())
    rules.agree_to_rule(rule=rule, said=rule_words(RoleRule.objects.get()), by=eve, now=timezone.now())
    rules.change_rule(rule=rule, **RULE, by=eve, now=timezone.now())
    assert not rules_in_force().exists()
    rules.change_rule(rule=rule, **RULE | {"role": "owner"}, by=eve, now=timezone.now())
    assert rules_in_force().exists()


def test_a_single_admin_writes_one_and_every_approver_is_told() -> None:
    bo = cast.bo()
    rules.add_rule(**RULE, by=cast.ada(), now=timezone.now())
    assert rules_in_force().exists()
    assert AuditEvent.objects.filter(kind="role_rule.alone").exists()
    assert bo.notifications.filter(kind="person.granted_alone").exists()
