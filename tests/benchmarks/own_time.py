"""A clock that only the engine's own work and its waits move on, so that a busy machine changes no figure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from portal.limits.buckets import Bucket


class OwnTime:
    """`now` moves by the CPU time of this process and of its PostgreSQL backend, and by what is waited for."""

    def __init__(self, begins: datetime) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._backend = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
        self._begins, self._origin = begins, 0.0
        self.waited_s = self.not_ours_s = 0.0
        self._origin = self.worked_s

    @property
    def worked_s(self) -> float:
        """CPU seconds of the engine and its queries."""
        return time.process_time() + self.database_s - self.not_ours_s - self._origin

    @property
    def database_s(self) -> float:
        """CPU seconds of this connection's PostgreSQL process, from its beginning."""
        return int(self._backend.read_text().split()[0]) / 1e9

    def __call__(self) -> datetime:
        return self._begins + timedelta(seconds=self.worked_s + self.waited_s)

    def wait(self, seconds: float) -> None:
        self.waited_s += seconds


class Rates:
    """The portal's own buckets by such a clock: a call waits until its operation has a token."""

    def __init__(self, clock: OwnTime, buckets: Mapping[str, Bucket]) -> None:
        self._clock, self._buckets = clock, buckets
        self._held: dict[str, tuple[float, datetime]] = {}

    def take(self, operation: str) -> None:
        bucket = self._buckets.get(operation)
        if bucket is None:
            return
        now = self._clock()
        tokens, since = self._held.get(operation, (bucket.capacity, now))
        tokens = min(bucket.capacity, tokens + (now - since).total_seconds() * bucket.refill)
        wait = max(0.0, (1 - tokens) / bucket.refill)
        self._clock.wait(wait)
        self._held[operation] = (tokens + wait * bucket.refill - 1, self._clock())
