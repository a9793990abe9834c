"""Passwords that everybody uses are refused wherever one is chosen; the list ships with Django and holds many."""

from __future__ import annotations

import pytest
from django.contrib.auth.password_validation import CommonPasswordValidator, get_default_password_validators
from django.test import Client

from portal.access.rules import Invalid
from portal.people.operations import first_admin
from tests import cast

pytestmark = pytest.mark.django_db
LEAST = 10_000
COMMON = sorted(word for word in CommonPasswordValidator().passwords if len(word) >= 12)[:5]


def test_the_list_is_on_and_long_enough() -> None:
    lists = [one for one in get_default_password_validators() if isinstance(one, CommonPasswordValidator)]
    assert len(lists) == 1
    assert len(lists[0].passwords) >= LEAST
    assert COMMON, "none of the list is long enough to be refused for that reason alone"


@pytest.mark.parametrize("common", COMMON)
def test_nobody_chooses_one_of_them(common: str) -> None:
    client = Client()
    client.force_login(cast.ana())
    sent = {"oldpassword": cast.PASSWORD, "password1": common.upper(), "password2": common.upper()}
    answer = client.post("/accounts/password/change/", sent)
    assert "too common" in answer.content.decode()
    assert not cast.ana().check_password(common.upper())


def test_nor_does_the_first_admin() -> None:
    from django.utils import timezone

    token = first_admin.make_link(now=timezone.now())
    who = {"username": "fay", "name": "Fay", "email": "", "password": COMMON[0]}
    with pytest.raises(Invalid, match="too common"):
        first_admin.use_link(token=token, **who, now=timezone.now())
