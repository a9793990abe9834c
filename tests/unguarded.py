"""What tests do as the database's owner, who alone may set the guards of append-only tables aside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations

ASIDE = "SET LOCAL session_replication_role = replica"


@contextmanager
def unguarded() -> Iterator[None]:
    """No trigger fires inside, so that a test can plant what the guards would refuse. Needs a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(ASIDE)
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def sql_flush(operations: DatabaseOperations, style: Any, tables: Any, **how: Any) -> list[str]:
    """Django's flush, which empties the tables after a test that commits; it runs in one transaction of its own."""
    found = _django_flush(operations, style, tables, **how)
    return [f"{ASIDE};", *found] if found else found


_django_flush = DatabaseOperations.sql_flush


def let_flushes_pass() -> None:
    """From here on `flush` empties the guarded tables, too."""
    DatabaseOperations.sql_flush = sql_flush  # type: ignore[method-assign]
