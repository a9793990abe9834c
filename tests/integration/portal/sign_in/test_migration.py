"""A database in which two people have one address is upgraded: the oldest keeps it, and the trail tells the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from portal.access.models import User
from portal.audit.models import AuditEvent
from tests.migrations import earlier, migrate

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def before() -> Iterator[Any]:
    with earlier("access", "0001_initial", ("account", "0009_emailaddress_unique_primary_email")) as models:
        yield models


def test_duplicates_and_addresses_that_no_admin_gave(before: Any) -> None:
    user, address = before.get_model("access", "User"), before.get_model("account", "EmailAddress")
    first = user.objects.create(username="ada", email="Ada@Example.com", first_name="Ada")
    eve = user.objects.create(username="eve", email="ada@example.com", first_name="Eve")
    user.objects.create(username="EVE", email="")
    address.objects.create(user=first, email="ada@example.com", primary=True)
    address.objects.create(user=eve, email="eve@evil.example.com")
    migrate("access", "0002_people_once")
    kept = dict(User.objects.values_list("username", "email"))
    assert {"ada": "ada@example.com", "eve": ""}.items() <= kept.items()
    assert len({name.lower() for name in kept}) == 3
    assert list(address.objects.values_list("email", flat=True)) == ["ada@example.com"]
    told = "\n".join(AuditEvent.objects.filter(kind="person.changed").values_list("summary", flat=True))
    for words in ("email ada@example.com from Eve", "username EVE", "address eve@evil.example.com"):
        assert words in told
