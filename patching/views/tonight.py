"""Tonight: what runs now and what comes next; and the list of all runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from patching.filters import RunFilter
from patching.models import Run, Target, Window
from patching.navigation import is_admin, sees_all
from patching.queries.board import enrolled_counts, progress_by_run, with_group
from patching.queries.coming import Start, coming
from patching.queries.hindrances import hindered
from patching.queries.runs import Progress
from patching.standing import Group
from patching.states import RUN_OVER, RunState
from patching.views.reading import reads
from patching.views.run import shown
from patching.words import alike, parts_of, state_look, time_left
from portal.inventory.models import Asset
from portal.web.filters import chips_of
from portal.web.paging import KeysetPager, capped_count
from portal.web.requests import SignedIn

NEWEST_FIRST = KeysetPager(order=("-starts_at", "-pk"))
MOST_SHOWN, NEXT_SHOWN, TROUBLED_SHOWN, JUST_OVER = 60, 12, 10, timedelta(hours=24)


@reads
def tonight(request: SignedIn) -> HttpResponse:
    """The board; htmx asks again for its inner part while something runs."""
    now = timezone.now()
    targets = Target.objects.visible_to(request.user)
    enrolled = enrolled_counts(Asset.objects.visible_to(request.user).present())
    shown = _shown_runs(request, now)
    runs = [run for run in shown if run.state != RunState.PLANNED][:MOST_SHOWN]
    starts = _next(request, shown, enrolled, now)
    counts = progress_by_run([*runs, *(start.run for start in starts if start.run)], targets)
    active = [run for run in runs if run.state not in RUN_OVER]
    found = hindered([*active, *(start.run for start in starts if start.run)])
    stopped = [said for one in found.values() if (said := one.named)]
    to_come = [_with_servers(start, counts, enrolled) for start in starts]
    context = {
        "active": [_card(run, counts[run.pk], now) for run in active],
        "sum": _sum(counts[run.pk] for run in active),
        "patching": _sum(counts[run.pk] for run in active if not run.check_only),
        "checking": _sum(counts[run.pk] for run in active if run.check_only),
        "only_checks": bool(active) and all(run.check_only for run in active),
        "troubled": _troubled(targets, active),
        "over": [_row(run, counts[run.pk]) for run in runs if run.state in RUN_OVER],
        "next": to_come,
        "soonest": next((row for row in to_come if row["servers"]), None),
        "admin": is_admin(request),
        "fleet": sees_all(request),
        "hindered": list(found.values()),
        "stopped": stopped,
    }
    template = (
        "patching/_board.html" if request.headers.get("HX-Target") == "board" else "patching/tonight.html"
    )
    return render(request, template, context)


def _shown_runs(request: SignedIn, now: datetime) -> list[Run]:
    """Runs that are planned or under way, and those that ended in the last day."""
    # Whose they are is asked once: asked in each half of an "or" it is read for each run there ever was.
    shown = ~Q(state__in=RUN_OVER) | Q(finished_at__gt=now - JUST_OVER)
    return list(Run.objects.visible_to(request.user).filter(shown).order_by("starts_at", "pk"))


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
    total = dict.fromkeys(("success", "active", "needs_you", "waiting", "skipped", "planned"), 0)
    for counts in all_counts:
        for name in total:
            total[name] += getattr(counts, name)
    return total


def _troubled(targets: QuerySet[Target], active: list[Run]) -> list[dict[str, Any]]:
    if not active:
        return []
    rows = with_group(targets.filter(run__in=active)).filter(group=Group.NEEDS_YOU)
    worst = rows.select_related("asset", "run").order_by("rank", "-since", "pk")[:TROUBLED_SHOWN]
    return alike(shown(row) for row in worst)


def _next(request: SignedIn, runs: list[Run], enrolled: dict[int, int], now: datetime) -> list[Start]:
    """Of the windows, an admin sees all that are on offer, others those with servers of theirs."""
    offered = Window.objects.filter(active=True)
    if not is_admin(request):
        offered = offered.filter(pk__in=list(enrolled))
    return coming(runs, offered, now)[:NEXT_SHOWN]


def _with_servers(start: Start, counts: dict[int, Progress], enrolled: dict[int, int]) -> dict[str, Any]:
    servers = counts[start.run.pk].planned if start.run else enrolled.get(start.window_id or 0, 0)
    return {"start": start, "servers": servers}


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
