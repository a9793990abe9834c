"""Who asks, and what every answer of the API has."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from portal.tokens.models import Token
from tests import cast
from tests.integration.api.asking import Program

pytestmark = pytest.mark.django_db


def test_a_program_learns_whom_it_speaks_for() -> None:
    program = Program(cast.ana(), may_act=False)
    answer = program.get("me")
    assert answer.status_code == 200
    said = answer.json()
    assert said["user"] == "ana"
    assert said["rights"] == [{"role": "owner", "dimension": "application", "value": "payments"}]
    assert said["token"]["may_act"] is False
    assert program.text not in answer.content.decode()


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer pp_x", "Basic YTpi", "Bearer \xff\xfe", "Bearer pp_" + "0" * 40],
)
def test_nobody_else_is_answered(header: str) -> None:
    answer = Client().get("/api/v1/me", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert "Your tokens" in answer.json()["detail"]


def test_a_browsers_session_counts_for_nothing(client: Client) -> None:
    client.force_login(cast.ada())
    assert client.get("/api/v1/me").status_code == 401


def test_a_token_that_is_over_is_refused() -> None:
    program = Program(cast.ana())
    Token.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    assert program.get("me").status_code == 401


def test_an_answer_that_has_not_changed_is_not_sent_again() -> None:
    program = Program(cast.ana())
    first = program.get("me")
    again = program.get("me", **{"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    assert not again.content


def test_each_answer_tells_the_rate_and_its_own_id(settings: Settings) -> None:
    settings.API_REQUESTS_A_MINUTE = 2
    program = Program(cast.ana())
    answers = [program.get("me") for _ in range(5)]
    assert answers[0]["X-Request-ID"]
    assert {answer["RateLimit-Limit"] for answer in answers} == {"2"}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused, "five in one or two minutes are more than two a minute"
    assert 1 <= int(refused[0]["Retry-After"]) <= 61


def test_a_misspelt_parameter_is_refused() -> None:
    answer = Program(cast.ana()).get("me?aplication=payments")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == "aplication"


def test_an_address_that_is_none_answers_a_program() -> None:
    answer = Program(cast.ana()).get("nothing-here")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
