"""Reads of wanted tags."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from portal.tags.models import InstanceRef, TagChange
from portal.tags.states import OPEN, TagState


def latest(key: str, refs: Iterable[InstanceRef]) -> dict[str, TagChange]:
    """instance id → the last wish for this key, in whatever state it is; replaced ones do not count."""
    ids = {ref.instance_id for ref in refs}
    rows = TagChange.objects.filter(instance_id__in=ids, key=key).exclude(state=TagState.REPLACED)
    return {row.instance_id: row for row in rows.order_by("pk")}


def open_for_run(run_id: int) -> QuerySet[TagChange]:
    """Wishes of a run that are not yet carried out."""
    return TagChange.objects.filter(run_id=run_id, state__in=OPEN)
