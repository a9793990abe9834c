"""What every table holds, in one number each: two looks show whether a request has written, and where."""

from __future__ import annotations

from django.apps import apps
from django.db import connection

# A visit may keep its session; a refusal, an export and who signed in or out are written down for everybody.
KEPT_BY_A_VISIT = {"django_session", "django_migrations"}
# Each visit notes its own session; that of a person who visits nothing may be ended by nobody else.
NOBODYS_VISIT = "v" * 32
WRITTEN_FOR_ALL = r"^(act\.refused|sign_in\..*|export\..*)$"


def contents() -> dict[str, tuple[int, str]]:
    """table → (rows, a digest of them), but of the sessions and the events that everybody makes."""
    with connection.cursor() as cursor:
        cursor.execute(_statement())
        return {table: (rows, digest) for table, rows, digest in cursor.fetchall()}


def changed(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> list[str]:
    return sorted(table for table in after if before.get(table) != after[table])


def _statement() -> str:
    models = apps.get_models(include_auto_created=True)
    tables = sorted({model._meta.db_table for model in models} - KEPT_BY_A_VISIT)
    return " UNION ALL ".join(_one(table) for table in tables)


def _one(table: str) -> str:
    which = {
        "audit_auditevent": f" WHERE kind !~ '{WRITTEN_FOR_ALL}'",
        "sign_in_opensession": f" WHERE session_key = '{NOBODYS_VISIT}'",
    }.get(table, "")
    digest = "coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text"
    return f"SELECT '{table}', count(*), {digest} FROM {table} t{which}"
