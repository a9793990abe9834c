"""Guesses end, but no stranger's guesses keep a person out; and who tried stands in the trail, within bounds."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.test import Client
from pytest_django import Settings

from portal.audit.models import AuditEvent
from portal.sign_in import sign_ins
from tests import cast

pytestmark = pytest.mark.django_db
LOGIN, STRANGER, HOME, PROXY = "/accounts/login/", "203.0.113.9", "198.51.100.7", "10.0.0.5"
WRONG = "not-the-right-password"


def try_as(name: str, password: str, source: str, client: Client | None = None, **headers: str) -> int:
    """302: signed in."""
    client = client or Client()
    facts = {"login": name, "password": password}
    return client.post(LOGIN, facts, REMOTE_ADDR=source, headers=headers).status_code


def guess(times: int, name: str = "ana", source: str = STRANGER, **headers: str) -> None:
    for _ in range(times):
        assert try_as(name, WRONG, source, **headers) == 200


def test_a_sixth_guess_is_not_even_looked_at() -> None:
    cast.ana()
    guess(5)
    assert try_as("ana", cast.PASSWORD, STRANGER) == 200
    assert sign_ins.TOO_MANY in AuditEvent.objects.filter(kind="sign_in.failed").latest("pk").summary


def test_a_strangers_guesses_do_not_lock_the_person_who_comes_from_elsewhere() -> None:
    cast.ana()
    guess(12)
    guess(12, cast.ana().email)
    assert try_as("ana", cast.PASSWORD, HOME) == 302


def test_nor_in_a_browser_that_knows_them_even_from_the_same_source() -> None:
    cast.ana()
    browser = Client()
    assert try_as("ana", cast.PASSWORD, HOME, browser) == 302
    browser.post("/accounts/logout/")
    guess(8, source=HOME)
    for number in range(20):
        guess(1, f"nobody-{number}", HOME)
    assert try_as("ana", cast.PASSWORD, HOME) == 200
    assert try_as("ana", cast.PASSWORD, HOME, browser) == 302


def test_a_known_browser_has_tries_for_its_person_alone_and_not_without_end() -> None:
    cast.ana()
    cast.bo()
    browser = Client()
    assert try_as("ana", cast.PASSWORD, HOME, browser) == 302
    browser.post("/accounts/logout/")
    for _ in range(10):
        assert try_as("ana", WRONG, HOME, browser) == 200
    assert try_as("ana", cast.PASSWORD, HOME, browser) == 200
    for _ in range(5):
        assert try_as("bo", WRONG, HOME, browser) == 200
    assert try_as("bo", cast.PASSWORD, HOME, browser) == 200


def test_a_forged_mark_is_none() -> None:
    cast.ana()
    guess(5)
    client = Client()
    client.cookies["known_browser"] = "WzEsICJ4Il0:1abc:forged"
    assert try_as("ana", cast.PASSWORD, STRANGER, client) == 200


def test_right_passwords_use_up_no_tries() -> None:
    cast.ana()
    for _ in range(7):
        assert try_as("ana", cast.PASSWORD, HOME) == 302


def test_who_stands_behind_the_proxy_shares_nothing_with_the_others(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ip_network(PROXY)]
    cast.ana()
    guess(6, source=PROXY, **{"X-Forwarded-For": STRANGER})
    assert try_as("ana", cast.PASSWORD, PROXY, **{"X-Forwarded-For": STRANGER}) == 200
    assert try_as("ana", cast.PASSWORD, PROXY, **{"X-Forwarded-For": HOME}) == 302


def test_nobody_gets_new_tries_by_naming_another_source(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ip_network(PROXY)]
    cast.ana()
    for number in range(5):
        assert try_as("ana", WRONG, PROXY, **{"X-Forwarded-For": f"192.0.2.{number}, {STRANGER}"}) == 200
        assert try_as("ana", WRONG, HOME, **{"X-Forwarded-For": f"192.0.2.{number}"}) == 200
    assert try_as("ana", cast.PASSWORD, PROXY, **{"X-Forwarded-For": f"192.0.2.99, {STRANGER}"}) == 200
    assert try_as("ana", cast.PASSWORD, HOME, **{"X-Forwarded-For": "192.0.2.99"}) == 200


def test_signing_in_and_out_and_failing_stand_in_the_trail() -> None:
    ana, client = cast.ana(), Client()
    guess(1, "ANA")
    guess(1, "nobody\u202e-here\x07" + "x" * 500)
    try_as("ana", cast.PASSWORD, HOME, client)
    client.post("/accounts/logout/", REMOTE_ADDR=HOME)
    rows = AuditEvent.objects.filter(subject_type="sign_in").order_by("pk")
    assert [(row.kind, row.actor, row.subject_id, row.detail["source"]) for row in rows] == [
        ("sign_in.failed", "Patch Portal", str(ana.pk), STRANGER),
        ("sign_in.failed", "Patch Portal", "", STRANGER),
        ("sign_in.succeeded", "Ana", str(ana.pk), HOME),
        ("sign_in.ended", "Ana", str(ana.pk), HOME),
    ]
    assert rows[1].detail["name"] == ("nobody-here" + "x" * 500)[: sign_ins.NAME_LENGTH]
    assert WRONG not in str(list(rows.values()))


def test_who_is_shut_out_is_told_and_written_down() -> None:
    ana = cast.ana()
    ana.is_active = False
    ana.save()
    assert try_as("ana", cast.PASSWORD, HOME) == 302
    assert sign_ins.SHUT_OUT in AuditEvent.objects.get(kind="sign_in.failed").summary
    assert not AuditEvent.objects.filter(kind="sign_in.succeeded").exists()


def test_one_source_cannot_flood_the_trail(settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = dict.fromkeys(settings.ACCOUNT_RATE_LIMITS)
    guess(sign_ins.PER_SOURCE + 5, "nobody")
    rows = AuditEvent.objects.filter(kind="sign_in.failed").order_by("pk")
    assert rows.count() == sign_ins.PER_SOURCE + 1
    assert "More sign-ins failed" in rows.last().summary  # type: ignore[union-attr]


def test_all_sources_together_cannot_either(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_ins, "FROM_ALL", 4)
    for number in range(8):
        guess(1, "nobody", f"203.0.113.{number}")
    assert AuditEvent.objects.filter(kind="sign_in.failed").count() == 5


def test_too_many_at_once_get_a_page_that_says_so() -> None:
    client, facts = Client(), {"login": "nobody", "password": WRONG}
    answers = [client.post(LOGIN, facts, REMOTE_ADDR=STRANGER) for _ in range(61)]
    assert answers[-1].status_code == 429
    assert "Wait five minutes" in answers[-1].content.decode()
