"""Rows by COPY: what a column is not given is what its model's default says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

ROWS_AT_ONCE = 5_000


class Copier:
    """COPY … FROM STDIN into the tables of models, and their sequences afterwards."""

    def __init__(self, cursor: Any) -> None:
        self.cursor, self.models = cursor, list[Any]()

    def write(self, model: Any, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """`columns` names them as the table does; each row holds their values, text without tabs and backslashes."""
        given = columns.split()
        rest = [field for field in model._meta.local_fields if field.column not in given and not usual(field)]
        names = ", ".join([*given, *(field.column for field in rest)])
        tail = "".join(f"\t{cell(field.get_default())}" for field in rest) + "\n"
        self.models.append(model)
        with self.cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy:
            for text in chunks(rows, tail):
                copy.write(text)

    def sequences(self) -> None:
        """The next key of each table lies behind those that were written."""
        for model in self.models:
            key = model._meta.pk
            if key.get_internal_type() in {"BigAutoField", "AutoField"}:
                self.cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{model._meta.db_table}', '{key.column}'), "
                    f"(SELECT max({key.column}) FROM {model._meta.db_table}))"
                )


def usual(field: Any) -> bool:
    """Whether the database itself fills it in."""
    return field.primary_key or field.has_db_default()


def cell(value: Any) -> str:
    if value is None:
        return "\\N"
    return json.dumps(value) if isinstance(value, dict | list | tuple) else str(value)


def chunks(rows: Iterable[tuple[Any, ...]], tail: str) -> Iterator[str]:
    lines: list[str] = []
    for row in rows:
        lines.append("\t".join(map(cell, row)) + tail)
        if len(lines) == ROWS_AT_ONCE:
            yield "".join(lines)
            lines = []
    yield "".join(lines)
