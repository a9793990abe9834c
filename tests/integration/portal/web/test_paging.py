from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from portal.inventory.models import Account
from portal.web.paging import BadCursor, KeysetPager, capped_count

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def accounts() -> None:
    Account.objects.bulk_create(
        Account(
            account_id=f"{number:012}",
            name=f"team {number % 3}",
            role_name="PatchPortal",
            synced_at=None if number % 4 == 0 else START + timedelta(days=number % 5),
        )
        for number in range(23)
    )


ORDERS = [
    ("pk",),
    ("-pk",),
    ("name", "-pk"),
    ("-name", "pk"),
    ("synced_at", "name", "pk"),
    ("-synced_at", "-name", "pk"),
]


@pytest.mark.parametrize("order", ORDERS)
def test_walking_on_and_back_shows_every_row_once(accounts: None, order: tuple[str, ...]) -> None:
    pager = KeysetPager(order=order, size=5, nullable=frozenset({"synced_at"}))
    rows = Account.objects.all()
    pages, cursor = [pager.page(rows)], ""
    while cursor := pages[-1].next_cursor:
        pages.append(pager.page(rows, cursor))
    seen = [row.pk for page in pages for row in page]
    assert len(pages) == 5
    assert len(seen) == len(set(seen)) == 23
    for before, page in itertools.pairwise(pages):
        assert [row.pk for row in pager.page(rows, page.previous_cursor)] == [row.pk for row in before]
    assert pages[0].previous_cursor == ""
    assert pager.page(rows, pages[1].previous_cursor).previous_cursor == ""


def test_empty_values_come_last_in_both_directions(accounts: None) -> None:
    for order in (("synced_at", "pk"), ("-synced_at", "pk")):
        rows = KeysetPager(order=order, nullable=frozenset({"synced_at"})).page(Account.objects.all()).rows
        assert [row.synced_at is None for row in rows] == [False] * 17 + [True] * 6


def test_a_row_that_appears_meanwhile_moves_nothing(accounts: None) -> None:
    pager = KeysetPager(order=("account_id",), size=5)
    first = pager.page(Account.objects.all())
    Account.objects.create(account_id="0" * 11, name="new", role_name="x")
    assert pager.page(Account.objects.all(), first.next_cursor).rows[0].account_id == "000000000005"


@pytest.mark.parametrize("cursor", ["x", "W10", "bnVsbA", "ü", "WzAsWyJwayJdLFtbMV1dXQ"])
def test_a_damaged_cursor_is_refused(accounts: None, cursor: str) -> None:
    with pytest.raises(BadCursor):
        KeysetPager(order=("pk",)).page(Account.objects.all(), cursor)


def test_a_cursor_of_another_order_is_refused(accounts: None) -> None:
    cursor = KeysetPager(order=("name", "pk"), size=5).page(Account.objects.all()).next_cursor
    with pytest.raises(BadCursor, match="another sort order"):
        KeysetPager(order=("-name", "pk"), size=5).page(Account.objects.all(), cursor)


def test_counting_stops_at_the_cap(accounts: None) -> None:
    assert capped_count(Account.objects.all(), cap=10) == (10, True)
    assert capped_count(Account.objects.all(), cap=23) == (23, False)
