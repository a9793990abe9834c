"""One row for each row of a query, made by the database: thousands cost one statement and no objects here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Model, QuerySet, Value

AS = "inserted_"  # before a column's name in the query, whose own columns may be called alike


def insert_for_each(model: type[Model], rows: QuerySet[Any], columns: Mapping[str, Any]) -> int:
    """Inserts, in the order of `rows`; an expression is of the row, anything else the same value for all.

    Returns how many were inserted. Every column without a default of the database's must be named: the model's own
    defaults are Python's, and unknown here.
    """
    fields = {str(field.column): field for field in model._meta.concrete_fields if not field.primary_key}
    needed = {name for name, field in fields.items() if not field.has_db_default()}
    if wrong := (needed - set(columns)) | (set(columns) - set(fields)):
        raise TypeError(f"{model.__name__} needs other columns: {', '.join(sorted(wrong))}.")
    made = {
        AS + name: one if hasattr(one, "resolve_expression") else Value(one, output_field=fields[name])
        for name, one in columns.items()
    }
    try:
        query, params = rows.annotate(**made).values_list(*made).query.sql_with_params()
    except EmptyResultSet:
        return 0
    quoted = ", ".join(connection.ops.quote_name(name) for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({quoted}) {query}", params
        )
        return int(cursor.rowcount)
