"""Reads of the audit trail."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from portal.audit.models import AuditEvent


def events(
    *,
    q: str = "",
    kind: str = "",
    actor: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[AuditEvent]:
    """Events whose sentence, kind and actor match; `since` belongs to them, `until` does not."""
    rows = AuditEvent.objects.all()
    if q:
        rows = rows.filter(summary__icontains=q.strip())
    if kind:
        rows = rows.filter(kind__startswith=f"{kind}.")
    if actor:
        rows = rows.filter(actor__icontains=actor.strip())
    if since:
        rows = rows.filter(at__gte=since)
    return rows.filter(at__lt=until) if until else rows
