"""Pages that cost the same at row 50 and at row 50,000: the cursor holds the last row's sort values."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import SuspiciousOperation
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

PAGE_SIZE = 50
_READERS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "Decimal": Decimal,
    "UUID": UUID,
}


class BadCursor(SuspiciousOperation):
    """The page link was cut or changed; the browser sees the 400 page."""


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
        """The page after (or before) `cursor`. Raises BadCursor for a cursor that this order did not make."""
        backwards, values = self._read(cursor) if cursor else (False, None)
        found = self._cut(rows, values, backwards)
        more, kept = len(found) > self.size, found[: self.size]
        if backwards:
            kept.reverse()
        has_next, has_previous = (True, more) if backwards else (more, bool(cursor))
        return Page(
            rows=kept,
            next_cursor=self._write(kept[-1], backwards=False) if kept and has_next else "",
            previous_cursor=self._write(kept[0], backwards=True) if kept and has_previous else "",
            size=self.size,
        )

    def page_of(self, request: HttpRequest, rows: QuerySet[Any]) -> Page:
        """The page that the address asks for in its `cursor`."""
        return self.page(rows, request.GET.get("cursor", ""))

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
        beyond, equal = Q(pk__in=[]), Q()
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

    def _write(self, row: Any, *, backwards: bool) -> str:
        values = [_pack(_value(row, _split(name)[0])) for name in self.order]
        text = json.dumps([int(backwards), list(self.order), values], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _read(self, cursor: str) -> tuple[bool, list[Any]]:
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            backwards, order, packed = json.loads(text)
            values = [_unpack(value) for value in packed]
        except (ValueError, TypeError, KeyError, ArithmeticError, binascii.Error) as error:
            raise BadCursor("This page link is damaged. Open the list again from its first page.") from error
        if order != list(self.order) or len(values) != len(self.order):
            raise BadCursor("This page link belongs to another sort order. Open the list again.")
        return bool(backwards), values


def capped_count(rows: QuerySet[Any], *, cap: int = 10_000) -> tuple[int, bool]:
    """How many rows there are, counting no further than `cap`; the flag says that there may be more."""
    count = rows.order_by()[: cap + 1].count()
    return min(count, cap), count > cap


def _split(name: str) -> tuple[str, bool]:
    return name.removeprefix("-"), name.startswith("-")


def _value(row: Any, path: str) -> Any:
    for step in path.split("__"):
        row = row[step] if isinstance(row, Mapping) else getattr(row, step)
    return row


def _pack(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    kind = type(value).__name__
    if kind not in _READERS:
        raise TypeError(f"Rows cannot be paged by a column of type {kind}.")
    return {kind: value.isoformat() if isinstance(value, date) else str(value)}


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return _READERS[kind](text)
    if isinstance(value, list):
        raise ValueError("a cursor holds no lists")
    return value
