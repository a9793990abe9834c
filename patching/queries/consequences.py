"""What the days of an exception mean for its servers: the starts they skip, what is patched when, what stays open."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum

from exceptions.consequences import Consequences
from exceptions.models import Covered, ExceptionRequest
from exceptions.states import IN_FORCE
from patching.models import Window
from patching.queries.skipped import MOST, enrolled, skipped_of
from portal.inventory.models import Asset

Interval = tuple[datetime, datetime]


@dataclass(frozen=True)
class NextPatch:
    """When servers of one window are patched next: with the exception, and without it. None: not within a year."""

    window: Window
    servers: int
    with_it: datetime | None
    without_it: datetime | None


def of(request: ExceptionRequest, assets: Sequence[Asset], now: datetime) -> Consequences:
    """Of those of its servers that the reader may see."""
    begins_at = max(request.starts_at, now)
    windows = enrolled(assets)
    skipped = skipped_of(Counter(windows.values()), begins_at, request.ends_at, now=now)
    told = open_updates(assets)
    context = {
        "skipped": skipped,
        "starts": sum(row.count for row in skipped),
        "next": _next(request, windows, now),
        "in_no_window": len(assets) - len(windows),
        "open": told,
        "unpatched": len(assets) - told["patched"],
        "servers": len(assets),
    }
    decide_by = _first({row.window for row in skipped}, begins_at, request.ends_at)
    return Consequences(decide_by, "patching/_consequences.html", context)


def deadlines(requests: Iterable[ExceptionRequest], now: datetime) -> Mapping[int, datetime]:
    """request pk → the first start that it would skip; two queries for all of them."""
    requests = list(requests)
    windows = {window.pk: window for window in Window.objects.filter(active=True)}
    concerned = Covered.objects.filter(
        request__in=[request.pk for request in requests],
        asset__enrolments__ended_at=None,
        asset__enrolments__window__in=windows,
    )
    of_request: dict[int, set[Window]] = defaultdict(set)
    for pk, window in concerned.values_list("request", "asset__enrolments__window").distinct():
        of_request[pk].add(windows[window])
    found = {
        request.pk: _first(of_request[request.pk], max(request.starts_at, now), request.ends_at)
        for request in requests
    }
    return {pk: start for pk, start in found.items() if start}


def _first(windows: Iterable[Window], begins_at: datetime, ends_at: datetime) -> datetime | None:
    """The first start in [begins_at, ends_at)."""
    starts = (window.recurrence.next(begins_at, 1)[0] for window in windows)
    return min((start for start in starts if start < ends_at), default=None)


def _next(request: ExceptionRequest, windows: Mapping[int, Window], now: datetime) -> list[NextPatch]:
    """One for each window and set of other exceptions, the soonest first."""
    others: dict[int, list[Interval]] = defaultdict(list)
    rows = Covered.objects.filter(asset__in=windows, request__state__in=IN_FORCE, request__ends_at__gt=now)
    for row in rows.exclude(request=request).select_related("request").order_by("request"):
        others[row.asset_id].append((row.request.starts_at, row.request.ends_at))
    alike = Counter((window, tuple(others.get(asset, ()))) for asset, window in windows.items())
    own = (request.starts_at, request.ends_at)
    found = [
        NextPatch(window, count, _free(window, [*excepted, own], now), _free(window, excepted, now))
        for (window, excepted), count in alike.items()
    ]
    return sorted(found, key=lambda one: (one.without_it is None, one.without_it or now, one.window.name))


def _free(window: Window, excepted: Sequence[Interval], now: datetime) -> datetime | None:
    """The first start whose run meets none of the intervals."""
    length = timedelta(minutes=window.duration_minutes)
    for start in islice(window.recurrence.after(now), MOST):
        if not any(begins < start + length and start < ends for begins, ends in excepted):
            return start
    return None


def open_updates(assets: Sequence[Asset]) -> dict[str, Any]:
    """What the servers told when they were last looked at. `told`: how many ever did; the rest is unknown, not zero."""
    patched = "patch_state__last_patched_at"
    told = Q(patch_state__available_count__isnull=False)
    return Asset.objects.filter(pk__in=[asset.pk for asset in assets]).aggregate(
        told=Count("pk", filter=told),
        updates=Sum("patch_state__available_count"),
        security_told=Count("pk", filter=Q(patch_state__security_count__isnull=False)),
        security=Sum("patch_state__security_count"),
        updates_since=Min("patch_state__updates_open_since"),
        security_since=Min("patch_state__security_open_since"),
        as_of=Min("patch_state__last_run_at", filter=told),
        patched=Count("pk", filter=Q(**{f"{patched}__isnull": False})),
        longest_ago=Min(patched),
        latest=Max(patched),
    )
