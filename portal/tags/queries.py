"""Reads of desired tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from portal.tags.models import InstanceRef, TagChange
from portal.tags.states import OPEN, TagState


def latest(key: str, refs: Iterable[InstanceRef]) -> dict[str, TagChange]:
    """instance id → the last request for this key, in whatever state it is; replaced ones do not count."""
    ids = {ref.instance_id for ref in refs}
    rows = TagChange.objects.filter(instance_id__in=ids, key=key).exclude(state=TagState.REPLACED)
    return {row.instance_id: row for row in rows.order_by("pk")}


def open_for_run(run_id: int) -> QuerySet[TagChange]:
    """Requests of a run that are not yet carried out."""
    return TagChange.objects.filter(run_id=run_id, state__in=OPEN)


def written(
    keys: Iterable[str], instance_ids: Iterable[str], *, before: datetime
) -> dict[str, dict[str, str | None]]:
    """instance id → key → the value that the portal last wrote and read back before the instant.

    A key whose last request is open, failed or younger is left out: nobody can say yet what AWS should show.
    """
    rows = TagChange.objects.filter(instance_id__in=list(instance_ids), key__in=list(keys))
    last = (
        rows.exclude(state=TagState.REPLACED)
        .order_by("instance_id", "key", "-pk")
        .distinct("instance_id", "key")
    )
    found: dict[str, dict[str, str | None]] = defaultdict(dict)
    for row in last:
        if row.state == TagState.VERIFIED and row.finished_at and row.finished_at < before:
            found[row.instance_id][row.key] = row.value
    return found
