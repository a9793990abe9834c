"""A fresh PostgreSQL and Valkey for a benchmark, with the portal's tables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import NO_AWS
from tests.servers import start


@contextmanager
def database() -> Iterator[None]:
    """Django is set up inside; everything is thrown away after it."""
    servers, process = start()
    os.environ.update(NO_AWS | servers.environment(), DJANGO_SETTINGS_MODULE="portal.settings")
    try:
        servers.wait()
        _tables(servers.environment()["DATABASE_URL"])
        yield
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait(timeout=30)


def _tables(address: str) -> None:
    import django
    import psycopg
    from django.core.management import call_command

    folder = address.partition("host=")[2]
    with psycopg.connect(host=folder, user="postgres", dbname="postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'portal'").fetchone():
            connection.execute("CREATE DATABASE portal")
    django.setup()
    call_command("migrate", verbosity=0)
