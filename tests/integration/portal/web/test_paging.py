from __future__ import annotations

import base64
import itertools
import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from portal.inventory.models import Account, Asset
from portal.web.cursors import BadCursor, read_cursor, write_cursor
from portal.web.paging import KeysetPager, capped_count, total_of
from tests import cast

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


def unsigned(*values: object) -> str:
    """A cursor as everybody could write one before they were signed."""
    text = json.dumps([0, ["pk"], list(values)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["x", "W10", "bnVsbA", "ü", "x" * 5_000, unsigned(1), unsigned({"Decimal": "1e3000000"}), unsigned([1])],
    ids=["letter", "list", "null", "umlaut", "long", "number", "decimal", "nested"],
)
def test_a_damaged_cursor_is_refused_at_once(accounts: None, cursor: str) -> None:
    began = time.process_time()
    with pytest.raises(BadCursor):
        KeysetPager(order=("pk",)).page(Account.objects.all(), cursor)
    assert time.process_time() - began < 1


def test_a_changed_cursor_is_refused(accounts: None) -> None:
    pager = KeysetPager(order=("name", "pk"), size=5)
    cursor = pager.page(Account.objects.all()).next_cursor
    for place in range(len(cursor)):
        other = "A" if cursor[place] != "A" else "B"
        with pytest.raises(BadCursor):
            pager.page(Account.objects.all(), cursor[:place] + other + cursor[place + 1 :])


def test_a_cursor_of_another_order_or_list_is_refused(accounts: None) -> None:
    cursor = KeysetPager(order=("name", "pk"), size=5).page(Account.objects.all()).next_cursor
    with pytest.raises(BadCursor):
        KeysetPager(order=("-name", "pk"), size=5).page(Account.objects.all(), cursor)
    with pytest.raises(BadCursor):
        KeysetPager(order=("name", "pk"), size=5).page(Asset.objects.all(), cursor)


@pytest.mark.parametrize(
    "value", [None, True, 7, 1.5, "Ä", Decimal("1.10"), UUID(int=5), START, START.date()], ids=repr
)
def test_a_value_comes_back_with_its_type(value: object) -> None:
    (read,) = read_cursor(write_cursor([value], of="anything"), of="anything")
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    "cursor", ["x", unsigned({"Decimal": "1e3000000"}), unsigned("a", 1)], ids=["x", "d", "s"]
)
def test_a_page_asked_for_by_a_damaged_cursor_is_the_first_with_a_word(client: Client, cursor: str) -> None:
    client.force_login(cast.ada())
    cast.an_asset(name="first-of-the-list")
    cast.a_window(slug="weekly")
    for address in ("/", "/windows/weekly/plan/", "/audit/", "/people/"):
        answer = client.get(address, {"cursor": cursor})
        assert answer.status_code == 200, address
        assert "here is the list from its start" in answer.content.decode(), address
    assert "first-of-the-list" in client.get("/", {"cursor": cursor}).content.decode()


def test_a_fragment_leaves_no_word_for_a_later_page(client: Client) -> None:
    client.force_login(cast.ada())
    assert client.get("/", {"cursor": "x"}, headers={"HX-Request": "true"}).status_code == 200
    assert "here is the list from its start" not in client.get("/").content.decode()


def test_what_fits_on_one_page_is_not_counted_once_more(
    accounts: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rows = Account.objects.filter(name="team 1")
    page = KeysetPager(order=("pk",), size=50).page(rows)
    with django_assert_num_queries(0):
        assert total_of(page, rows) == (8, False)
    first = KeysetPager(order=("pk",), size=5).page(rows)
    last = KeysetPager(order=("pk",), size=5).page(rows, first.next_cursor)
    assert [total_of(page, rows) for page in (first, last)] == [(8, False)] * 2


def test_counting_stops_at_the_cap(accounts: None) -> None:
    assert capped_count(Account.objects.all(), cap=10) == (10, True)
    assert capped_count(Account.objects.all(), cap=23) == (23, False)
