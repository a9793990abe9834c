"""The one way to write an audit event: inside the transaction of the change it tells of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from portal.access.models import User
from portal.audit.models import AuditEvent

PORTAL = "Patch Portal"


@dataclass(frozen=True)
class Entry:
    kind: str
    subject_type: str
    subject_id: str
    summary: str
    run_id: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def record(entry: Entry, *, by: User | None) -> None:
    record_all([entry], by=by)


def record_all(entries: Iterable[Entry], *, by: User | None) -> None:
    """`by=None` is the portal itself. Refuses to run outside a transaction: an event must not outlive a rollback."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit event is written only inside the transaction of its change.")
    AuditEvent.objects.bulk_create(
        AuditEvent(
            actor=by.display_name if by else PORTAL,
            actor_id=by.pk if by else None,
            kind=entry.kind,
            subject_type=entry.subject_type,
            subject_id=entry.subject_id,
            run_id=entry.run_id,
            summary=entry.summary,
            detail=entry.detail,
        )
        for entry in entries
    )
