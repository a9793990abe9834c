"""Writing many rows at once, each with values of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Model


def write(rows: Iterable[Model], fields: Sequence[str]) -> None:
    """Writes these fields of existing rows that the caller has locked and read whole.

    One upsert: Django's bulk_update builds a CASE for each value, which costs several times as much.
    """
    chosen = list(rows)
    if chosen:
        type(chosen[0])._default_manager.bulk_create(
            chosen, update_conflicts=True, unique_fields=["pk"], update_fields=list(fields)
        )
