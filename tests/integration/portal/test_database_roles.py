"""The application's role, connected as itself: what it may not do to rows that only grow, and that it can work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from psycopg import sql

from exceptions.models import Approval
from patching.models import HostReport
from portal.audit import database_roles
from portal.audit.append_only import append_only_models
from portal.audit.apps import grant_what_is_new
from portal.audit.models import AuditEvent
from tests import cast
from tests.integration.exceptions.test_workflow import approved
from tests.integration.reports.test_pages import a_finished_run, a_host_report

pytestmark = pytest.mark.django_db(transaction=True)
PAST = datetime(2020, 1, 1, tzinfo=UTC)
TIMES = {AuditEvent: "at", Approval: "at", HostReport: "stored_at"}
TABLES = pytest.mark.parametrize("model", TIMES, ids=lambda model: model.__name__)
REFUSED = {
    "update": "UPDATE {table} SET {time} = now()",
    "delete": "DELETE FROM {table}",
    "truncate": "TRUNCATE {table}",
    "truncate cascade": "TRUNCATE {table} CASCADE",
    "triggers off": "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "trigger dropped": "DROP TRIGGER {trigger} ON {table}",
    "its function changed": "CREATE OR REPLACE FUNCTION {trigger}() RETURNS trigger LANGUAGE sql AS ''",
    "replica mode": "SET session_replication_role = replica",
    "dropped": "DROP TABLE {table}",
    "renamed": "ALTER TABLE {table} RENAME TO gone",
    "a rule": "CREATE RULE quiet AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "a trigger": "CREATE TRIGGER quiet BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {trigger}()",
    "owned": "ALTER TABLE {table} OWNER TO CURRENT_USER",
    "a number of its choice": "INSERT INTO {table} (id) VALUES (1)",
    "copied over": "INSERT INTO {table} SELECT * FROM {table}",
    "another role": "SET ROLE {owner}",
}


@pytest.fixture
def role(settings: LazySettings) -> Iterator[str]:
    """One for each test database: roles belong to the whole server, which other processes of this run share."""
    name = f"application_of_{connection.settings_dict['NAME']}"
    settings.DATABASE_APPLICATION = {**connection.settings_dict, "USER": name}
    yield name
    if database_roles.exists(name):
        run("DROP OWNED BY {role}", role=name)
        run("DROP ROLE {role}", role=name)


@pytest.fixture
def application(role: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the application's role, which the documented command made."""
    call_command("database_roles")
    at = connection.settings_dict
    with psycopg.connect(host=at["HOST"], dbname=at["NAME"], user=role, autocommit=True) as found:
        yield found


def in_sql(statement: str, **names: str) -> sql.Composed:
    return sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()})


def run(statement: str, **names: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(in_sql(statement, **names))


def plant() -> None:
    """One row of each kind and more, as the owner."""
    with transaction.atomic():
        approved()
        a_host_report(a_finished_run(cast.an_asset(name="pay-1")).targets.get())


def rows(model: type[Any]) -> list[dict[str, Any]]:
    return list(model.objects.order_by("pk").values())


def test_these_are_the_tables_that_only_grow() -> None:
    assert set(append_only_models()) == set(TIMES)


@TABLES
def test_no_row_is_forged(application: psycopg.Connection[Any], model: type[Any]) -> None:
    plant()
    before = rows(model)
    assert before
    names = {
        "table": model._meta.db_table, "time": TIMES[model], "owner": connection.settings_dict["USER"],
        "trigger": model._meta.triggers[0].database_name(model),
    }  # fmt: skip
    for how, statement in REFUSED.items():
        try:
            application.execute(in_sql(statement, **names))
        except psycopg.errors.InsufficientPrivilege:
            continue
        pytest.fail(f"not refused: {how}")
    assert rows(model) == before


@TABLES
def test_nothing_is_written_into_the_past(application: psycopg.Connection[Any], model: type[Any]) -> None:
    """The application adds rows, as it must, but the database says when."""
    plant()
    columns = [
        f.column for f in model._meta.concrete_fields if not f.primary_key and f.column != TIMES[model]
    ]
    look = {"source": sql.Literal("rescan")}  # such a report may stand beside the host's own
    statement = sql.SQL("INSERT INTO {table} ({time}, {columns}) SELECT {past}, {values} FROM {table} LIMIT 1").format(
        table=sql.Identifier(model._meta.db_table), time=sql.Identifier(TIMES[model]), past=sql.Literal(PAST),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(look.get(name, sql.Identifier(name)) for name in columns),
    )  # fmt: skip
    application.execute(statement)
    moment = application.execute("SELECT clock_timestamp()").fetchone()[0]  # type: ignore[index]
    assert moment - rows(model)[-1][TIMES[model]] < timedelta(minutes=1)


def test_the_rest_of_the_work_can_be_done(application: psycopg.Connection[Any]) -> None:
    plant()
    application.execute("UPDATE inventory_asset SET name = 'pay-2'")
    application.execute("DELETE FROM access_grant")
    application.execute(
        "INSERT INTO access_grant (user_id, role, dimension, value)"
        " SELECT id, 'owner', 'everything', '' FROM access_user"
    )
    for table in ("django_migrations", "django_content_type", "auth_permission"):
        assert application.execute(f"SELECT count(*) > 0 FROM {table}").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute(f"DELETE FROM {table}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute("CREATE TABLE public.mine (id int)")


def test_tables_of_later_migrations_are_given_after_them(application: psycopg.Connection[Any]) -> None:
    run("REVOKE ALL ON {table} FROM PUBLIC, {role}", table="patching_run", role=application.info.user)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute("SELECT 1 FROM patching_run")
    call_command("migrate", verbosity=0)
    application.execute("UPDATE patching_run SET name = ''")


def test_a_start_says_whose_role_can_forge(application: psycopg.Connection[Any], role: str) -> None:
    assert "postgres, is a superuser and may create roles" in database_roles.warning()
    assert "manage.py database_roles" in database_roles.warning()
    with transaction.atomic():
        run("SET LOCAL ROLE {role}", role=role)
        assert database_roles.warning() == ""
    run("GRANT TRUNCATE ON {table} TO {role}", table="audit_auditevent", role=role)
    with transaction.atomic():
        run("SET LOCAL ROLE {role}", role=role)
        assert f"{role}, may change the table audit_auditevent:" in database_roles.warning()


@pytest.mark.parametrize(
    ("power", "said"), [("SUPERUSER", "is a superuser"), ("BYPASSRLS", "may bypass row security")]
)
def test_a_role_with_more_power_is_refused(role: str, power: str, said: str) -> None:
    run("CREATE ROLE {role} " + power, role=role)
    with pytest.raises(CommandError, match=f"The role {role} of DATABASE_URL {said}"):
        call_command("database_roles")
    assert (
        not connection.cursor()
        .execute("SELECT 1 FROM information_schema.role_table_grants WHERE grantee = %s", [role])
        .fetchone()
    )


def test_one_role_for_both_is_refused(settings: LazySettings) -> None:
    grant_what_is_new()
    with pytest.raises(CommandError, match="both name the role postgres"):
        call_command("database_roles")
