"""Pages that cost the same at row 50 and at row 50,000: the cursor holds the last row's sort values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

from portal.web.cursors import BadCursor, read_cursor, write_cursor

PAGE_SIZE = 50
FROM_THE_START = (
    "The link to this page was cut or changed, or belongs to another list: here is the list from its start."
)


@dataclass(frozen=True)
class Page:
    """Rows of one page, and the cursors of its neighbours ('' where there is none)."""

    rows: list[Any]
    next_cursor: str = ""
    previous_cursor: str = ""
    size: int = PAGE_SIZE

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class KeysetPager:
    """Cuts an unsliced queryset into pages by `order`, which must end in a unique column.

    `order` is like order_by's, e.g. ("-severity", "name", "pk"). Columns that may be NULL are named in
    `nullable`; their empty values come last in either direction.
    """

    order: Sequence[str]
    size: int = PAGE_SIZE
    nullable: frozenset[str] = field(default_factory=frozenset)

    def page(self, rows: QuerySet[Any], cursor: str = "") -> Page:
        """The page after (or before) `cursor`. Raises BadCursor for a cursor that this list did not make."""
        backwards, values = self._read(cursor, rows) if cursor else (False, None)
        found = self._cut(rows, values, backwards)
        more, kept = len(found) > self.size, found[: self.size]
        if backwards:
            kept.reverse()
        has_next, has_previous = (True, more) if backwards else (more, bool(cursor))
        return Page(
            rows=kept,
            next_cursor=self._write(kept[-1], rows, backwards=False) if kept and has_next else "",
            previous_cursor=self._write(kept[0], rows, backwards=True) if kept and has_previous else "",
            size=self.size,
        )

    def page_of(self, request: HttpRequest, rows: QuerySet[Any]) -> Page:
        """The page that the address asks for in its `cursor`; the first one, and a word, where that is damaged."""
        try:
            return self.page(rows, request.GET.get("cursor", ""))
        except BadCursor:
            tell_damaged(request)
            return self.page(rows)

    def _cut(self, rows: QuerySet[Any], values: list[Any] | None, backwards: bool) -> list[Any]:
        ordered = rows.order_by(*[self._ordering(name, backwards) for name in self.order])
        if values is not None:
            ordered = ordered.filter(self._beyond(values, backwards))
        return list(ordered[: self.size + 1])

    def _ordering(self, name: str, backwards: bool) -> Any:
        column, descending = _split(name)
        if column not in self.nullable:
            return F(column).desc() if descending != backwards else F(column).asc()
        if descending != backwards:
            return F(column).desc(nulls_first=True) if backwards else F(column).desc(nulls_last=True)
        return F(column).asc(nulls_first=True) if backwards else F(column).asc(nulls_last=True)

    def _beyond(self, values: list[Any], backwards: bool) -> Q:
        """Rows strictly after `values`: for each column, equal so far and further here."""
        beyond, equal = Q(), Q()
        for name, value in zip(self.order, values, strict=True):
            column, descending = _split(name)
            beyond |= equal & self._further(column, value, descending != backwards, backwards)
            equal &= Q(**{f"{column}__isnull": True}) if value is None else Q(**{column: value})
        return self._index_bound(values, backwards) & beyond

    def _index_bound(self, values: list[Any], backwards: bool) -> Q:
        # Implied by the rest, but the database can walk an index with it and not with the ORs.
        column, descending = _split(self.order[0])
        if values[0] is None or column in self.nullable:
            return Q()
        return Q(**{f"{column}__{'lte' if descending != backwards else 'gte'}": values[0]})

    def _further(self, column: str, value: Any, downwards: bool, backwards: bool) -> Q:
        if value is None:
            return Q(**{f"{column}__isnull": False}) if backwards else Q(pk__in=[])
        further = Q(**{f"{column}__{'lt' if downwards else 'gt'}": value})
        if column in self.nullable and not backwards:
            further |= Q(**{f"{column}__isnull": True})
        return further

    def _write(self, row: Any, rows: QuerySet[Any], *, backwards: bool) -> str:
        values = [_value(row, _split(name)[0]) for name in self.order]
        return write_cursor([backwards, *values], of=self._list(rows))

    def _read(self, cursor: str, rows: QuerySet[Any]) -> tuple[bool, list[Any]]:
        backwards, *values = read_cursor(cursor, of=self._list(rows))
        return backwards, values

    def _list(self, rows: QuerySet[Any]) -> str:
        return " ".join((rows.model._meta.label, *self.order))


def page_of_list(request: HttpRequest, rows: Sequence[Any], *, of: str, size: int = PAGE_SIZE) -> Page:
    """A page of rows that were computed as a whole: the cursor is the number of rows before it."""
    try:
        cursor = request.GET.get("cursor", "")
        (first,) = read_cursor(cursor, of=of) if cursor else (0,)
    except BadCursor:
        tell_damaged(request)
        first = 0
    first = min(first, len(rows))
    after = write_cursor([first + size], of=of) if first + size < len(rows) else ""
    before = write_cursor([max(0, first - size)], of=of) if first else ""
    return Page(list(rows[first : first + size]), after, before, size)


def tell_damaged(request: HttpRequest) -> None:
    """A word on the page; not for a fragment, which shows none and would leave it to a later page."""
    if not request.headers.get("HX-Request"):
        messages.warning(request, FROM_THE_START)


def capped_count(rows: QuerySet[Any], *, cap: int = 10_000) -> tuple[int, bool]:
    """How many rows there are, counting no further than `cap`; the flag says that there may be more."""
    count = rows.order_by()[: cap + 1].count()
    return min(count, cap), count > cap


def total_of(page: Page, rows: QuerySet[Any]) -> tuple[int, bool]:
    """As capped_count, for the rows that `page` was cut from: what fits on one page is not searched for twice."""
    if page.next_cursor or page.previous_cursor:
        return capped_count(rows)
    return len(page), False


def _split(name: str) -> tuple[str, bool]:
    return name.removeprefix("-"), name.startswith("-")


def _value(row: Any, path: str) -> Any:
    for step in path.split("__"):
        row = row[step] if isinstance(row, Mapping) else getattr(row, step)
    return row
