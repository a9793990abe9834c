"""The one clock that all workers share, and the type of whatever tells the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import connection

Clock = Callable[[], datetime]


def database_now() -> datetime:
    """PostgreSQL's clock: a worker whose own clock is off by minutes decides nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    moment: datetime = now
    return moment
