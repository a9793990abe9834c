"""The pages of accounts show where AWS does not answer, since when, and what follows."""

from __future__ import annotations

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.urls import reverse

from portal.inventory import silent
from portal.inventory.words import FOLLOWS
from portal.limits.circuits import WORDS, SharedCircuits
from tests import cast

pytestmark = pytest.mark.django_db
ACCOUNT = "888800001111"


@pytest.fixture
def board() -> SharedCircuits:
    return SharedCircuits(redis.Redis.from_url(settings.REDIS_URL))


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(cast.ada())
    return client


def text(client: Client, address: str, *args: object) -> str:
    answer = client.get(reverse(f"inventory:{address}", args=args))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_silence_is_told_on_the_list_and_on_its_account(admin: Client, board: SharedCircuits) -> None:
    mine, other = cast.an_account(ACCOUNT, name="Payments"), cast.an_account("888800002222", name="Other")
    board.silent(ACCOUNT, "eu-west-1", "ssm", trial=False)
    board.silent("portal", "eu-central-1", "s3", trial=False)
    page = text(admin, "accounts")
    assert "AWS does not answer in 2 places. All the others go on." in page
    assert "Systems Manager" in page
    assert "the portal's own" in page
    assert FOLLOWS["ssm"].partition(";")[0] in page
    assert page.count("Silent in part") == 1
    own = text(admin, "account", mine.pk)
    assert "Where AWS does not answer" in own
    assert "S3" not in own.partition("Where AWS does not answer")[2].partition("</table>")[0]
    assert "Where AWS does not answer" not in text(admin, "account", other.pk)


def test_nothing_is_said_where_everybody_answers(admin: Client, board: SharedCircuits) -> None:
    cast.an_account(ACCOUNT)
    board.silent("999999999999", "eu-west-1", "ssm", trial=False)  # an account that is not connected any more
    assert "does not answer" not in text(admin, "accounts")


def test_what_cannot_be_told_is_unknown_not_well(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(silent, "silent_places", away)
    cast.an_account(ACCOUNT)
    assert "Whether AWS answers everywhere is not known" in text(admin, "accounts")


def test_each_service_has_a_word_and_a_consequence() -> None:
    assert set(FOLLOWS) == set(WORDS)
