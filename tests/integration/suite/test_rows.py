"""What the tests' own database promises to those who write tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from portal.access.models import User
from tests import cast
from tests.kept_rows import kept_rows
from tests.template_database import TEMPLATE

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def kept(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[int]:
    with kept_rows(django_db_blocker, lambda: cast.ana().pk) as pk:
        yield pk


@pytest.mark.parametrize("turn", [1, 2])
def test_kept_rows_are_there_for_each_test_and_its_changes_are_not(kept: int, turn: int) -> None:
    assert User.objects.get(pk=kept).first_name == "Ana"
    User.objects.filter(pk=kept).update(first_name="Another")
    assert not User.objects.filter(username="bo").exists()
    cast.bo()


def test_rows_are_no_longer_kept_after_their_tests(django_db_blocker: DjangoDbBlocker) -> None:
    def make() -> int:
        return User.objects.create(username="dora").pk

    before = connection.in_atomic_block
    with transaction.atomic(), kept_rows(django_db_blocker, make) as pk:
        assert User.objects.filter(pk=pk).exists()
    assert not User.objects.filter(username="dora").exists()
    assert connection.in_atomic_block is before


def test_this_database_is_a_copy_of_the_one_that_was_migrated() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'portal_template%'")
        assert cursor.fetchone() == (1,)
    assert connection.settings_dict["TEST"]["TEMPLATE"] == TEMPLATE


def test_a_password_is_hashed_as_in_production_but_at_once() -> None:
    kept = cast.ana().password
    assert identify_hasher(kept).algorithm == "pbkdf2_sha256"
    assert kept.split("$")[1] == "1"
    assert check_password(cast.PASSWORD, kept)
