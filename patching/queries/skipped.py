"""Which starts an exception would skip: asked while somebody still chooses its days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import Count, QuerySet

from patching.models import Enrolment, Window
from portal.inventory.models import Asset

MOST = 400  # starts of one window that are counted: more than a year of weeks


@dataclass(frozen=True)
class Skipped:
    """One window's starts that overlap the interval: the first few, and how many there are."""

    window: Window
    servers: int
    starts: list[datetime]
    count: int

    @property
    def later(self) -> bool:
        """Whether there are more than those shown."""
        return self.count > len(self.starts)


def skipped_starts(
    assets: QuerySet[Asset], begins_at: datetime, ends_at: datetime, *, now: datetime, shown: int = 4
) -> list[Skipped]:
    """Starts to come on which these assets would stay unpatched for [begins_at, ends_at), the soonest first."""
    inside = Enrolment.objects.filter(asset__in=assets.order_by().values("pk"), ended_at=None)
    counts = dict(inside.order_by().values_list("window").annotate(Count("pk")))
    windows = Window.objects.filter(pk__in=counts, active=True)
    return skipped_of(
        {window: counts[window.pk] for window in windows}, begins_at, ends_at, now=now, shown=shown
    )


def enrolled(assets: Iterable[Asset]) -> dict[int, Window]:
    """asset pk → the window on offer that patches it."""
    rows = Enrolment.objects.filter(asset__in=list(assets), ended_at=None, window__active=True)
    return {row.asset_id: row.window for row in rows.select_related("window")}


def skipped_of(
    servers: Mapping[Window, int], begins_at: datetime, ends_at: datetime, *, now: datetime, shown: int = 4
) -> list[Skipped]:
    """`servers`: how many are in each window."""
    found = [_of(window, count, (begins_at, ends_at), now, shown) for window, count in servers.items()]
    return sorted((one for one in found if one.count), key=lambda one: one.starts[0])


def _of(window: Window, servers: int, days: tuple[datetime, datetime], now: datetime, shown: int) -> Skipped:
    """A run that begins before the days and ends inside them is skipped too: it overlaps. One that began is not."""
    begins_at, ends_at = days
    earliest = begins_at - timedelta(minutes=window.duration_minutes) + timedelta(microseconds=1)
    starts = []
    for start in islice(window.recurrence.after(max(earliest, now)), MOST):
        if start >= ends_at:
            break
        starts.append(start)
    return Skipped(window, servers, starts[:shown], len(starts))
