"""Who may advance a run: a lease on its row, taken by compare-and-swap at the database's own clock."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from patching.models import Run
from patching.states import RUN_OVER

LEASE = timedelta(seconds=120)  # longer than any single step; a dead worker's run waits at most this long


def database_now() -> datetime:
    """PostgreSQL's clock: a worker whose own clock is off by minutes decides nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return now


def due(now: datetime) -> list[int]:
    """Ids of runs that want a look, longest waiting first."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    rows = Run.objects.filter(free, next_look_at__lte=now).exclude(state__in=RUN_OVER)
    return list(rows.order_by("next_look_at").values_list("pk", flat=True))


@transaction.atomic
def take(run_id: int, now: datetime, *, length: timedelta = LEASE) -> uuid.UUID | None:
    """A token when the run is ours now; None when somebody else holds it."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    token = uuid.uuid4()
    rows = Run.objects.filter(free, pk=run_id).exclude(state__in=RUN_OVER)
    return token if rows.update(lease_until=now + length, lease_token=token) else None


def give_back(run_id: int, token: uuid.UUID, next_look_at: datetime) -> None:
    Run.objects.filter(pk=run_id, lease_token=token).update(
        lease_until=None, lease_token=None, next_look_at=next_look_at
    )
