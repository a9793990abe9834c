"""I15: what lists read of a server, and who sees which runs and requests, is what the rows say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction

from patching import severity
from patching.invariants.violation import Violation
from patching.migrations._standing_sql import COLUMNS, COMPUTED
from portal.inventory.migrations._scope_sql import REQUESTS, RUNS, Scopes
from portal.sentences import counted

NAMED = 20  # servers that are named one by one
DIFFERENT = f"""
    SELECT coalesce(c.asset_id, s.asset_id), to_jsonb(s), to_jsonb(c), count(*) OVER ()
    FROM (SELECT {COLUMNS} FROM patching_assetstanding) s FULL JOIN ({COMPUTED}) c USING (asset_id)
    WHERE to_jsonb(s) IS DISTINCT FROM to_jsonb(c)
    ORDER BY 1 LIMIT {NAMED}
"""
MISSING = f"INSERT INTO patching_assetstanding ({COLUMNS}) {COMPUTED} ON CONFLICT DO NOTHING"
ALL = "SELECT patching_keep_standing(ARRAY(SELECT id FROM inventory_asset))"
INSTALLED = "SELECT prosrc FROM pg_proc WHERE proname = 'patching_severity'"


def kept_standings_are_true() -> Iterator[Violation]:
    """Each of the first servers that differ, and how many they are. In one statement: nobody writes in between."""
    rows = _rows(DIFFERENT)
    for asset, kept, computed, _ in rows:
        yield Violation("I15", 0, f"Lists read of server {asset} {_differences(kept, computed)}.")
    if rows and rows[0][3] > NAMED:
        yield Violation("I15", 0, f"{counted(rows[0][3], 'server')} in all stand in lists as they are not.")


def _differences(kept_row: str | None, computed_row: str) -> str:
    if kept_row is None:
        return "nothing, and it is there"
    kept, computed = json.loads(kept_row), json.loads(computed_row)
    names = [name for name, value in computed.items() if kept[name] != value]
    return ", ".join(f"{name} {kept[name]!r} where its rows say {computed[name]!r}" for name in names)


def kept_scopes_are_true() -> Iterator[Violation]:
    """Who sees which runs and requests."""
    for scopes in (RUNS, REQUESTS):
        for owner, dimension, value, kept in _rows(_differing(scopes)):
            of = f"{scopes.of} {owner} is kept as one of {dimension} {value}"
            yield Violation(
                "I15", 0, f"The {of}, and it is not." if kept else f"The {of.replace(' is ', ' is not ')}."
            )


def _differing(scopes: Scopes) -> str:
    columns = f"{scopes.of}_id, dimension, value"
    kept = f"SELECT {columns} FROM {scopes.table}"
    return f"""
        (SELECT *, true FROM ({kept} EXCEPT {scopes.computed}) more LIMIT {NAMED})
        UNION ALL (SELECT *, false FROM ({scopes.computed} EXCEPT {kept}) less LIMIT {NAMED})
    """


@transaction.atomic
def write_anew() -> None:
    """What is kept of every server, run and request, from their rows."""
    with connection.cursor() as cursor:
        cursor.execute(MISSING)
        cursor.execute(ALL)
        for scopes in (RUNS, REQUESTS):
            columns = f"{scopes.of}_id, dimension, value"
            stale = f"SELECT {columns} FROM {scopes.table} EXCEPT {scopes.computed}"
            cursor.execute(f"DELETE FROM {scopes.table} WHERE ({columns}) IN ({stale})")
            cursor.execute(f"INSERT INTO {scopes.table} ({columns}) {scopes.computed} ON CONFLICT DO NOTHING")


@transaction.atomic
def follow_the_code() -> None:
    """Where the database ranks servers by another table than the code's, it gets the code's and ranks them anew."""
    wanted, installed = severity.function_sql(), _rows(INSTALLED)
    if installed and installed[0][0] in wanted:
        return
    with connection.cursor() as cursor:
        cursor.execute(wanted)
    write_anew()


def _rows(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()
