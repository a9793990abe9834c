"""I10: the database refuses to change or remove audit events, approvals and host reports, and tells their time."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from patching.invariants.violation import Violation
from portal.audit.append_only import append_only_models, guards_of

ENABLED = "select tgname from pg_trigger where tgrelid = %s::regclass and tgenabled in ('O', 'A')"


def what_only_grows_is_guarded() -> Iterator[Violation]:
    """I10: each trigger that guards a table is there and enabled."""
    for model in append_only_models():
        with connection.cursor() as cursor:
            cursor.execute(ENABLED, [model._meta.db_table])
            enabled = {name for (name,) in cursor.fetchall()}
        for guard in guards_of(model):
            if guard.database_name(model) not in enabled:
                said = f"{model._meta.verbose_name_plural} can be forged: the trigger {guard.name} is missing or off."
                yield Violation("I10", 0, said.capitalize())
