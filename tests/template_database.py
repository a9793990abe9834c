"""A database with the portal's tables, migrated once for the whole run: each test process works on a copy of it."""

from __future__ import annotations

import fcntl
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

TEMPLATE, UNFINISHED = "portal_template", "portal_template_unfinished"


def copy_the_template(lock: Path) -> None:
    """Django makes this process's test database as a copy; who comes first makes the template, the others wait."""
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        _make_unless_there()
    settings.DATABASES["default"]["TEST"]["TEMPLATE"] = TEMPLATE


def _make_unless_there() -> None:
    """Under its name only when it is whole: a process that dies while it migrates leaves nothing that is copied."""
    with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]  # as Django's own test runner does
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
        if cursor.fetchone():
            return
        cursor.execute(f"DROP DATABASE IF EXISTS {UNFINISHED}")
        cursor.execute(f"CREATE DATABASE {UNFINISHED}")
    _migrate(UNFINISHED)
    with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(f"ALTER DATABASE {UNFINISHED} RENAME TO {TEMPLATE}")


def _migrate(name: str) -> None:
    before = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
