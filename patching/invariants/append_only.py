"""I10: the database itself refuses to change or delete audit events."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from patching.invariants.violation import Violation
from portal.audit.models import AuditEvent

GUARDS = """
    select count(*) from pg_trigger
    where tgrelid = %s::regclass and tgname like 'pgtrigger_append_only%%' and tgenabled in ('O', 'A')
"""


def the_audit_is_guarded() -> Iterator[Violation]:
    """I10: the trigger that protects the audit table is there and enabled."""
    with connection.cursor() as cursor:
        cursor.execute(GUARDS, [AuditEvent._meta.db_table])
        (count,) = cursor.fetchone()
    if not count:
        yield Violation(
            "I10", 0, "Audit events can be changed: the trigger append_only is missing or switched off."
        )
