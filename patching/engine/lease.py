"""Who may reconcile a run: a lease on its row, acquired by compare-and-swap at the database's own clock."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from patching.models import Run
from patching.states import RUN_OVER
from portal.clock import database_now

LEASE = timedelta(seconds=120)  # renewed while its holder works; a dead worker's run waits at most this long
RENEW_AFTER = LEASE / 4


class LeaseLost(Exception):
    """Another worker may have this run now: its former holder stops before its next act."""


def due(now: datetime) -> list[int]:
    """Ids of runs that are due and that nobody holds, longest waiting first."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    rows = Run.objects.filter(free, next_look_at__lte=now).exclude(state__in=RUN_OVER)
    return list(rows.order_by("next_look_at").values_list("pk", flat=True))


def acquire(run_id: int, now: datetime) -> uuid.UUID | None:
    """A token when the run is ours now; None when somebody else holds it. One statement, so two never both win."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    token = uuid.uuid4()
    rows = Run.objects.filter(free, pk=run_id).exclude(state__in=RUN_OVER)
    return token if rows.update(lease_until=now + LEASE, lease_token=token) else None


def release(run_id: int, token: uuid.UUID, next_at: datetime) -> None:
    """Says when the run is due again; a lease that is another's by now stays as it is."""
    Run.objects.filter(pk=run_id, lease_token=token).update(
        lease_until=None, lease_token=None, next_look_at=next_at
    )


class HeldClock:
    """The database's clock for the holder of a lease. The engine reads it before each act, so reading it renews.

    Raises LeaseLost once another worker may hold the run: after a stall longer than the lease nothing more is done.
    """

    def __init__(self, run_id: int, token: uuid.UUID, acquired_at: datetime) -> None:
        self._run_id, self._token = run_id, token
        self._renewed_at = acquired_at
        self._stopped = False

    def stop(self) -> None:
        """Whoever still works by this clock stops before its next act."""
        self._stopped = True

    def __call__(self) -> datetime:
        if self._stopped:
            raise LeaseLost(f"The look at run {self._run_id} has ended.")
        now = database_now()
        if now >= self._renewed_at + RENEW_AFTER:
            self._renew(now)
        return now

    def _renew(self, now: datetime) -> None:
        ours = Run.objects.filter(pk=self._run_id, lease_token=self._token)
        if not ours.update(lease_until=now + LEASE):
            raise LeaseLost(f"Another worker holds run {self._run_id}: its lease ended during a stall.")
        if not connection.in_atomic_block:  # a renewal that may still be rolled back is not counted on
            self._renewed_at = now
