"""A database of an earlier version, for tests of what a migration does with its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def migrate(app: str, name: str, *others: tuple[str, str]) -> Any:
    """To this migration, back or forward; gives the models as they were then, with those of `others`."""
    executor = MigrationExecutor(connection)
    executor.migrate([(app, name)])
    return executor.loader.project_state([(app, name), *others]).apps


@contextmanager
def earlier(app: str, name: str, *others: tuple[str, str]) -> Iterator[Any]:
    """Goes back to this migration, and at the end to today's tables: the tests that follow need them."""
    yield migrate(app, name, *others)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())
