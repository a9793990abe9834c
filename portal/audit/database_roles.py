"""Two roles of the database: one owns the tables and migrates them, the application's has what it needs and no more.

Read docs/database-roles.md and docs/adr/0066 first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import ProgrammingError, connection, models, transaction
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from portal.access.rules import Denied
from portal.audit.append_only import append_only_models, guards_of

# Written by migrations alone: nothing the portal does at night changes Django's own registers.
DJANGOS_OWN = {"auth", "contenttypes"}
LEAST = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
OWNED = """
    SELECT relname, relkind = 'S' FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S')
      AND pg_has_role(current_user, relowner, 'USAGE')
"""
OWNS = "SELECT pg_has_role(%s, relowner, 'MEMBER') FROM pg_class WHERE oid = %s::regclass"
MAY_CHANGE = """
    SELECT has_table_privilege(%s, %s, 'DELETE, TRUNCATE, TRIGGER') OR has_any_column_privilege(%s, %s, 'UPDATE')
"""
HOW = "docs/database-roles.md says how"
# What a role may do to a whole server, as pg_roles says it; the first includes all the others.
POWERS = {
    "rolsuper": "is a superuser",
    "rolcreaterole": "may create roles",
    "rolreplication": "may replicate the server",
    "rolbypassrls": "may bypass row security",
}


def application_role() -> str:
    return str(settings.DATABASE_APPLICATION["USER"])


def one_role() -> bool:
    """Whether the owner and the application are still the same."""
    return bool(application_role() == settings.DATABASE_OWNER["USER"])


@transaction.atomic
def separate() -> None:
    """Makes the application's role unless it exists, and gives it exactly what it needs. Run as the owner.

    Raises Denied with the way out where the roles cannot be separated.
    """
    role = application_role()
    if one_role():
        raise Denied(
            f"DATABASE_URL and DATABASE_OWNER_URL both name the role {role}. Leave it in DATABASE_OWNER_URL, and name"
            f" another, which need not exist yet, in DATABASE_URL ({HOW})."
        )
    if not exists(role):
        _create(role, str(settings.DATABASE_APPLICATION["PASSWORD"]))
    grant(role)
    if found := " and ".join(powers(role)):
        raise Denied(f"The role {role} of DATABASE_URL {found}. Take that from it, or name another ({HOW}).")


def exists(role: str) -> bool:
    return bool(_rows("SELECT 1 FROM pg_roles WHERE rolname = %s", role))


def _create(role: str, password: str) -> None:
    command = sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), sql.SQL(LEAST))
    if password:
        command += sql.SQL(" PASSWORD {}").format(sql.Literal(password))
    try:
        with transaction.atomic():
            _run(command)
    except ProgrammingError as error:
        if not isinstance(error.__cause__, InsufficientPrivilege):
            raise
        raise Denied(
            f"The role {settings.DATABASE_OWNER['USER']} may not create roles. Let an administrator of the server run"
            f" CREATE ROLE \"{role}\" {LEAST} PASSWORD '…', then this command again."
        ) from error


@transaction.atomic
def grant(role: str) -> None:
    """Takes everything in this database from the role, then gives it what each table needs. All tables, at once."""
    name, written = (
        sql.Identifier(role),
        {m._meta.db_table: m for m in apps.get_models(include_auto_created=True)},
    )
    _run(sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {}").format(name))
    _run(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
    for relation, is_sequence in _rows(OWNED):
        what = sql.SQL("SEQUENCE {}" if is_sequence else "TABLE {}").format(sql.Identifier(relation))
        given = sql.SQL("USAGE") if is_sequence else privileges(written.get(relation))
        _run(sql.SQL("REVOKE ALL ON {} FROM {}").format(what, name))
        _run(sql.SQL("GRANT {} ON {} TO {}").format(given, what, name))


def privileges(model: type[models.Model] | None) -> sql.Composable:
    """What the application may do to the model's table; without a model the table is Django's list of migrations."""
    if model is None or model._meta.app_label in DJANGOS_OWN:
        return sql.SQL("SELECT")
    if not guards_of(model):
        return sql.SQL("SELECT, INSERT, UPDATE, DELETE")
    # Not the key: an event with a number of one's own choice would stand among older ones.
    columns = (sql.Identifier(str(f.column)) for f in model._meta.concrete_fields if not f.primary_key)
    return sql.SQL("SELECT, INSERT ({})").format(sql.SQL(", ").join(columns))


def powers(role: str) -> Iterator[str]:
    """What the role could do to tables that only grow, each as the end of a sentence that begins with its name."""
    (row,) = _rows(f"SELECT {', '.join(POWERS)} FROM pg_roles WHERE rolname = %s", role)
    yield from (said for said, held in zip(POWERS.values(), row, strict=True) if held)
    if row[0]:
        return  # of a superuser, all that follows is true
    for model in append_only_models():
        table = model._meta.db_table
        if _rows(OWNS, role, table) == [(True,)]:
            yield f"owns the table {table}"
        elif _rows(MAY_CHANGE, role, table, role, table) == [(True,)]:
            yield f"may change the table {table}"


def warning() -> str:
    """What is wrong with the role of this connection, as a sentence; empty when nothing is."""
    ((role,),) = _rows("SELECT current_user")
    if not (found := " and ".join(powers(role))):
        return ""
    return (
        f"The portal's role in the database, {role}, {found}: who has its password can forge the audit trail unseen."
        f" `manage.py database_roles` gives the portal a role of its own; {HOW}."
    )


def _rows(statement: str, *values: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _run(command: sql.Composable) -> None:
    with connection.cursor() as cursor:
        cursor.execute(command)
