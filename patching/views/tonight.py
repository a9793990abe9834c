"""Tonight: what runs now and what comes next; and the list of all runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from patching.filters import RunFilter
from patching.models import Run, Target, Window
from patching.navigation import is_admin
from patching.queries.board import enrolled_counts, progress_by_run, with_group
from patching.queries.runs import Progress
from patching.states import RUN_OVER, RunState
from patching.views.reading import reads
from patching.views.run import parts_of, shown
from patching.words import state_look, time_left
from portal.inventory.models import Asset
from portal.web.filters import chips_of
from portal.web.paging import KeysetPager, capped_count
from portal.web.requests import SignedIn

NEWEST_FIRST = KeysetPager(order=("-starts_at", "-pk"))
MOST_ACTIVE, NEXT_SHOWN, NEEDY_SHOWN, JUST_OVER = 20, 12, 10, timedelta(hours=24)


@reads
def tonight(request: SignedIn) -> HttpResponse:
    """The board; htmx asks again for its inner part while something runs."""
    now = timezone.now()
    targets = Target.objects.visible_to(request.user)
    runs = _relevant(request, now)
    counts = progress_by_run(runs, targets)
    active = [run for run in runs if run.state not in RUN_OVER and run.state != RunState.PLANNED]
    coming = _next(request, [run for run in runs if run.state == RunState.PLANNED], counts, now)
    context = {
        "active": [_card(run, counts[run.pk], now) for run in active],
        "sum": _sum(counts[run.pk] for run in active),
        "needy": _needy(targets, active),
        "over": [_row(run, counts[run.pk]) for run in runs if run.state in RUN_OVER],
        "next": coming,
        "soonest": next((row for row in coming if row["servers"]), None),
        "admin": is_admin(request),
    }
    template = (
        "patching/_board.html" if request.headers.get("HX-Target") == "board" else "patching/tonight.html"
    )
    return render(request, template, context)


def _relevant(request: SignedIn, now: datetime) -> list[Run]:
    """Runs that are not over, and those that ended in the last day."""
    mine = Run.objects.visible_to(request.user)
    found = mine.exclude(state__in=RUN_OVER) | mine.filter(finished_at__gt=now - JUST_OVER)
    return list(found.order_by("starts_at", "pk")[: MOST_ACTIVE * 3])


def _card(run: Run, counts: Progress, now: datetime) -> dict[str, Any]:
    address = reverse("patching:run", args=[run.pk])
    parts = parts_of(counts, address, check_only=run.check_only)
    return {
        "run": run,
        "counts": counts,
        "parts": parts,
        "look": state_look(run),
        "left": time_left(run, counts, now),
    }


def _row(run: Run, counts: Progress) -> dict[str, Any]:
    return {"run": run, "look": state_look(run), "counts": counts, "over": run.state in RUN_OVER}


def _sum(all_counts: Any) -> dict[str, int]:
    total = {"good": 0, "trouble": 0, "planned": 0, "busy": 0, "waiting": 0}
    for counts in all_counts:
        total["trouble"] += counts.needs + counts.bad
        for name in ("good", "planned", "busy", "waiting"):
            total[name] += getattr(counts, name)
    return total


def _needy(targets: QuerySet[Target], active: list[Run]) -> list[dict[str, Any]]:
    if not active:
        return []
    rows = with_group(targets.filter(run__in=active)).filter(group__in=["bad", "needs"])
    return [
        shown(row)
        for row in rows.select_related("asset", "run").order_by("rank", "-since", "pk")[:NEEDY_SHOWN]
    ]


def _next(
    request: SignedIn, planned: list[Run], counts: dict[int, Progress], now: datetime
) -> list[dict[str, Any]]:
    """Runs that are planned, and the next starts of windows whose run is not made yet; the soonest first."""
    rows = [
        _coming(run.name, run.starts_at, run.time_zone, counts[run.pk].planned, run=run) for run in planned
    ]
    made = {(run.window_id, run.starts_at) for run in planned}
    enrolled = enrolled_counts(Asset.objects.visible_to(request.user).present())
    offered = Window.objects.filter(active=True)
    for window in offered if is_admin(request) else offered.filter(pk__in=list(enrolled)):
        at = window.recurrence.next(now, 1)[0]
        if (window.pk, at) not in made:
            servers = enrolled.get(window.pk, 0)
            rows.append(_coming(window.name, at, window.time_zone, servers, window=window))
    return sorted(rows, key=lambda row: row["at"])[:NEXT_SHOWN]


def _coming(
    name: str, at: datetime, zone: str, servers: int, *, run: Run | None = None, window: Window | None = None
) -> dict[str, Any]:
    return {"name": name, "at": at, "zone": zone, "servers": servers, "run": run, "window": window}


@reads
def runs(request: SignedIn) -> HttpResponse:
    form = RunFilter(request.GET)
    rows = form.narrow(Run.objects.visible_to(request.user))
    total, capped = capped_count(rows)
    page = NEWEST_FIRST.page_of(request, rows)
    counts = progress_by_run(page.rows, Target.objects.visible_to(request.user))
    context = {
        "form": form,
        "chips": chips_of(form, request.GET),
        "page": page,
        "rows": [_row(run, counts[run.pk]) for run in page],
        "total": total,
        "capped": capped,
    }
    return render(request, "patching/runs.html", context)
