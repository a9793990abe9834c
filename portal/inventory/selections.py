"""Servers that were chosen from a list, many at once, until something is done with them."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet

from portal.access.models import User
from portal.access.rules import Invalid
from portal.inventory.models import Asset, Selection

MOST_SELECTED = 100_000
KEPT = timedelta(days=1)


def select(rows: QuerySet[Asset], *, by: User, now: datetime) -> Selection:
    """Keeps which servers these are. Raises Invalid for more than MOST_SELECTED."""
    Selection.objects.filter(made_at__lt=now - KEPT).delete()
    labelled = rows.order_by("name", "pk").labelled()  # type: ignore[attr-defined]
    found = list(labelled.values_list("pk", "shown_as")[: MOST_SELECTED + 1])
    if len(found) > MOST_SELECTED:
        raise Invalid(
            f"More than {MOST_SELECTED:,} servers match. Narrow the filter, then act on the rest.",
            field="ids",
        )
    ids, labels = [pk for pk, _ in found], [label for _, label in found]
    return Selection.objects.create(user=by, asset_ids=ids, labels=labels, made_at=now)
