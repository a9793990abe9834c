"""Tables that only grow: no row is changed or removed, and the database itself says when it was written.

The guards are triggers. They hold against everyone, the tables' owner too; the application's role has not even the
privileges that they refuse (portal/audit/database_roles.py, docs/adr/0066).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pgtrigger
from django.apps import apps
from django.db import models
from pgtrigger.compiler import Trigger

from portal.audit.migrations._guard_sql import GuardSql

CHANGES, TRUNCATION, TIME = "append_only", "no_truncate", "own_time"
REFUSE = "RAISE EXCEPTION 'Rows of % are never changed or removed (%)', TG_TABLE_NAME, TG_OP;"
# The clock itself, not the transaction's start: a transaction may be held open for as long as one likes.
STAMP = "NEW.{column} = pg_catalog.clock_timestamp(); RETURN NEW;"
# Who owns a table could switch the trigger off: for a restore, a row's own time stands.
STAMP_UNLESS_OWNER = """
    IF NOT pg_has_role(current_user, (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        NEW.{column} = pg_catalog.clock_timestamp();
    END IF;
    RETURN NEW;
"""


class Guard(pgtrigger.Trigger):
    """A trigger that no session can talk into standing aside."""

    def compile(self, model: Any) -> Trigger:
        return Trigger(name=self.name, sql=GuardSql(**super().compile(model).sql.kwargs))

    def database_name(self, model: Any) -> str:
        """How PostgreSQL calls it."""
        return str(self.get_pgid(model))


def append_only(time: str, *, owner_may_tell_the_time: bool = False) -> list[Guard]:
    """The guards of a table whose column `time` says when a row was written."""
    stamp = (STAMP_UNLESS_OWNER if owner_may_tell_the_time else STAMP).format(column=time)
    return [
        Guard(
            name=CHANGES, when=pgtrigger.Before, operation=pgtrigger.Update | pgtrigger.Delete, func=REFUSE
        ),
        Guard(
            name=TRUNCATION,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            level=pgtrigger.Statement,
            func=REFUSE,
        ),
        Guard(name=TIME, when=pgtrigger.Before, operation=pgtrigger.Insert, func=stamp),
    ]


def guards_of(model: type[models.Model]) -> list[Guard]:
    return [trigger for trigger in getattr(model._meta, "triggers", []) if isinstance(trigger, Guard)]


def append_only_models() -> Iterator[type[models.Model]]:
    """Every model of the portal whose rows are never changed or removed."""
    return (model for model in apps.get_models() if guards_of(model))
