"""Writing many rows at once, each with values of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model


def write(rows: Iterable[Model], fields: Sequence[str]) -> None:
    """Writes these fields of existing rows that the caller has locked. A row whose key is gone is passed over.

    One UPDATE from one array for each column: Django's bulk_update builds a CASE for each value, and an upsert
    prepares every column of each row; both cost several times as much.
    """
    chosen = list(rows)
    if not chosen or not fields:
        return
    meta = chosen[0]._meta
    columns: list[Any] = [meta.pk, *(meta.get_field(name) for name in fields)]
    with connection.cursor() as cursor:
        cursor.execute(_update(meta.db_table, columns), [_values(chosen, column) for column in columns])


def _update(table: str, columns: Sequence[Any]) -> str:
    quoted = [connection.ops.quote_name(column.column) for column in columns]
    arrays = ", ".join(f"%s::{column.db_type(connection)}[]" for column in columns)
    changed = ", ".join(f"{name} = given.{name}" for name in quoted[1:])
    named = connection.ops.quote_name(table)
    return (
        f"UPDATE {named} SET {changed} FROM unnest({arrays}) AS given({', '.join(quoted)}) "
        f"WHERE {named}.{quoted[0]} = given.{quoted[0]}"
    )


def _values(rows: Sequence[Model], column: Any) -> list[Any]:
    return [column.get_db_prep_save(getattr(row, column.attname), connection) for row in rows]
