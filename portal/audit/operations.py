"""The one way to write an audit event: inside the transaction of the change it tells of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import CharField, Expression, QuerySet
from django.db.models.functions import Cast

from portal.access.models import User
from portal.audit.models import AuditEvent
from portal.insert_select import insert_for_each

PORTAL = "Patch Portal"


@dataclass(frozen=True)
class Entry:
    kind: str
    subject_type: str
    subject_id: str
    summary: str
    run_id: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EntryForEach:
    """The same event of each row, whose key is the subject's; the database makes them."""

    rows: QuerySet[Any]
    kind: str
    subject_type: str
    summary: Expression
    detail: dict[str, Any] = field(default_factory=dict)


def record(entry: Entry, *, by: User | None) -> None:
    record_all([entry], by=by)


def record_all(entries: Iterable[Entry | EntryForEach], *, by: User | None) -> None:
    """`by=None` is the portal itself. Refuses to run outside a transaction: an event must not outlive a rollback."""
    _check_inside()
    entries = list(entries)
    AuditEvent.objects.bulk_create(_event(entry, by) for entry in entries if isinstance(entry, Entry))
    for entry in entries:
        if isinstance(entry, EntryForEach):
            record_for_each(entry, by=by)


def _event(entry: Entry, by: User | None) -> AuditEvent:
    return AuditEvent(
        **_actor(by), kind=entry.kind, subject_type=entry.subject_type, subject_id=entry.subject_id,
        run_id=entry.run_id, summary=entry.summary, detail=entry.detail,
    )  # fmt: skip


def _actor(by: User | None) -> dict[str, Any]:
    return {"actor": by.display_name if by else PORTAL, "actor_id": by.pk if by else None}


def record_for_each(entry: EntryForEach, *, by: User | None) -> int:
    """Returns how many events that were."""
    _check_inside()
    columns = _actor(by) | {
        "kind": entry.kind, "subject_type": entry.subject_type, "subject_id": Cast("pk", CharField()),
        "run_id": None, "summary": entry.summary, "detail": entry.detail,
    }  # fmt: skip
    return insert_for_each(AuditEvent, entry.rows, columns)


def _check_inside() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An audit event is written only inside the transaction of its change.")
