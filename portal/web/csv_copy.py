"""CSV lines that PostgreSQL writes itself by COPY: nothing is made of a row here, and nothing of the list is held."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import DateTimeField, Expression, Func, QuerySet, TextField, Value
from django.db.models.fields.json import JSONField
from django.db.models.functions import Cast, Coalesce, NullIf

from portal.web.csv_export import FORMULA_STARTS

RUNS_AS_FORMULA = f"^( *(?:{'|'.join(map(re.escape, FORMULA_STARTS))}))"


def text_cell(value: Any) -> Expression:
    """As `safe_cell` writes text. An empty one is NULL, which COPY writes without quotes."""
    quoted = Func(
        value, Value(RUNS_AS_FORMULA), Value(r"'\1"), function="REGEXP_REPLACE", output_field=TextField()
    )
    return NullIf(quoted, Value(""), output_field=TextField())


def moment_cell(value: Any) -> Expression:
    """As `safe_cell` writes an instant: to the second, in UTC."""
    form = Value('YYYY-MM-DD"T"HH24:MI:SS"+00:00"')
    utc = Func(value, template="%(expressions)s AT TIME ZONE 'UTC'", output_field=DateTimeField())
    return Func(utc, form, function="TO_CHAR", output_field=TextField())


def looked_up(words: Mapping[str, str], key: Any, *, otherwise: str = "") -> Expression:
    """What the mapping says of the key, within the query."""
    pair = (Value(dict(words), output_field=JSONField()), Cast(key, TextField()))
    found = Func(*pair, template="(%(expressions)s)", arg_joiner=" ->> ", output_field=TextField())
    return Coalesce(found, Value(otherwise), output_field=TextField())


@dataclass(frozen=True)
class Copied:
    """The lines of a query whose every row is one: its columns are the cells, in their order.

    Text must come as `text_cell` and instants as `moment_cell`. Read it once, to its end or not.
    """

    rows: QuerySet[Any, Any]

    def __iter__(self) -> Iterator[str]:
        try:
            sql, params = self.rows.query.sql_with_params()
        except EmptyResultSet:
            return
        # Whoever stops reading ends the statement; in a transaction of its own that harms nobody.
        with transaction.atomic(), _copying(f"COPY ({sql}) TO STDOUT (FORMAT csv)", params) as copy:
            for line in copy:  # libpq gives one row at a time, whole
                yield f"{bytes(line[:-1]).decode()}\r\n"


@contextmanager
def _copying(sql: str, params: Any) -> Iterator[Any]:
    """Within the time that is left (portal/limits/budget.py): COPY does not pass Django's own way to the database."""

    def execute(sql: str, params: Any, *_: Any) -> Any:
        return cursor.copy(cursor.mogrify(sql, params))  # COPY takes no parameters

    with connection.cursor() as cursor, connection.wrap_database_errors:
        for wrapper in connection.execute_wrappers:
            execute = partial(wrapper, execute)
        with execute(sql, params, False, {"connection": connection, "cursor": cursor}) as copy:
            yield copy
