"""Maintenance windows: the list, one window, and the admin's forms."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.contrib import messages
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from patching.forms import WindowForm
from patching.models import Run, Target, Window
from patching.navigation import is_admin, sees_all
from patching.openings import Opening, next_openings, openings
from patching.operations import windows as operations
from patching.policy.fields import facts as policy_facts
from patching.policy.run_policy import RunPolicy
from patching.queries.board import enrolled_counts, progress_by_run
from patching.queries.candidates import enrolled
from patching.rules import check_lengths, check_schedule
from patching.states import RunState
from patching.views.enrolment import undo_url
from patching.views.reading import reads
from patching.words import rule_words, state_look
from portal.access.queries import has_role
from portal.access.rules import Denied, check_role
from portal.access.states import Role
from portal.inventory.models import Asset
from portal.web.chrome import Chrome
from portal.web.forms import onto
from portal.web.paging import KeysetPager
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("name", "pk"))
RUNS_SHOWN, STARTS_SHOWN = 8, 5


@reads
def windows(request: SignedIn) -> HttpResponse:
    """Windows on offer (or the retired ones), with the next start and how many of the reader's servers are in."""
    retired = request.GET.get("show") == "retired"
    page = PAGER.page_of(request, Window.objects.filter(active=not retired))
    mine = Asset.objects.visible_to(request.user).present()
    counts = enrolled_counts(mine, offered=not retired)
    now = timezone.now()
    context = {
        "page": page,
        "rows": [_row(window, counts, now) for window in page],
        "retired": retired,
        "enrolled": sum(counts.values()),
        "servers": mine.count(),
        "admin": is_admin(request),
        "fleet": sees_all(request),
        "undo_url": undo_url(request),
    }
    return render(request, "patching/windows.html", context)


def _row(window: Window, counts: dict[int, int], now: datetime) -> dict[str, Any]:
    starts = window.recurrence.next(now, 1) if window.active else []
    return {
        "window": window,
        "rule": rule_words(window),
        "start": starts[0] if starts else None,
        "servers": counts.get(window.pk, 0),
    }


@reads
def window(request: SignedIn, slug: str) -> HttpResponse:
    """When the window opens next, who is in it, and how its runs went."""
    found = get_object_or_404(Window, slug=slug)
    inside = enrolled(found).visible_to(request.user)  # type: ignore[attr-defined]
    runs = list(Run.objects.visible_to(request.user).filter(window=found).order_by("-starts_at")[:RUNS_SHOWN])
    counts = progress_by_run(runs, Target.objects.visible_to(request.user)) if runs else {}
    context = {
        "window": found,
        "rule": rule_words(found),
        "policy_facts": policy_facts(found.run_policy),
        "openings": _openings(found) if found.active else [],
        "page": PAGER.page_of(request, inside),
        "servers": inside.count(),
        "runs": [{"run": run, "look": state_look(run), "counts": counts[run.pk]} for run in runs],
        "admin": is_admin(request),
        "may_move": is_admin(request) or has_role(request.user, Role.OWNER),
        "undo_url": undo_url(request),
    }
    return render(request, "patching/window.html", context)


def _openings(window: Window) -> list[Opening]:
    length = timedelta(minutes=window.duration_minutes)
    return list(islice(openings(window.recurrence, length, timezone.now()), STARTS_SHOWN))


@require_http_methods(["GET", "POST"])
def window_new(request: SignedIn) -> HttpResponse:
    check_role(request.user, Role.ADMIN)
    form = WindowForm(request.POST or None, initial=WindowForm.initial_of(None, str(Chrome(request).zone)))
    return _form_page(request, form, None)


@require_http_methods(["GET", "POST"])
def window_edit(request: SignedIn, slug: str) -> HttpResponse:
    found = get_object_or_404(Window, slug=slug)
    check_role(request.user, Role.ADMIN)
    initial = WindowForm.initial_of(found, found.time_zone)
    form = WindowForm(request.POST or None, initial=initial, offered=True)
    return _form_page(request, form, found)


def _form_page(request: SignedIn, form: WindowForm, found: Window | None) -> HttpResponse:
    """The form; after a valid post of it the saved window, after "preview" the next starts."""
    status, preview = 200, []
    if request.method == "POST" and form.is_valid():
        try:
            if "preview" not in request.POST:
                return _saved(request, _save(request, form, found))
            preview = _preview(form)
        except Denied as refusal:
            status = onto(form, refusal)
    elif request.method == "POST":
        status = 422
    context = {
        "form": form,
        "window": found,
        "preview": preview,
        "zones": form.zones(),
        "policy_facts": policy_facts(found.run_policy if found else RunPolicy()),
    } | _consequence(found)
    return render(request, "patching/window_form.html", context, status=status)


def _preview(form: WindowForm) -> list[Opening]:
    """How the values in the form would open next; raises Invalid for values that make no window."""
    values, schedule = form.cleaned_data, form.schedule()
    check_schedule(schedule)
    check_lengths(values["duration_minutes"], values["cutoff_minutes"])
    length = timedelta(minutes=values["duration_minutes"])
    return next_openings(schedule, length, timezone.now(), STARTS_SHOWN)


def _save(request: SignedIn, form: WindowForm, found: Window | None) -> Window:
    facts = form.facts(found.policy if found else {})
    if found is None:
        return operations.offer(facts, by=request.user, now=timezone.now())
    return operations.edit(window=found, facts=facts, by=request.user, now=timezone.now())


def _saved(request: SignedIn, window: Window) -> HttpResponse:
    messages.success(request, f"{window.name} is saved.")
    return redirect("patching:window", window.slug)


def _consequence(found: Window | None) -> dict[str, Any]:
    """What a change does not reach: runs that exist already keep their times and figures."""
    if found is None:
        return {}
    planned = Run.objects.filter(window=found, state=RunState.PLANNED).order_by("starts_at").first()
    return {"planned": planned, "servers": enrolled(found).count()}


@require_http_methods(["GET", "POST"])
def window_retire(request: SignedIn, slug: str) -> HttpResponse:
    found = get_object_or_404(Window, slug=slug)
    check_role(request.user, Role.ADMIN)
    if request.method == "POST":
        operations.retire(window=found, by=request.user, now=timezone.now())
        messages.success(request, f"{found.name} is off the list: no further run of it is made.")
        return redirect("patching:windows")
    runs = Run.objects.filter(window=found, state=RunState.PLANNED).order_by(F("starts_at"))
    context = {"window": found, "servers": enrolled(found).count(), "planned": list(runs[:3])}
    return render(request, "patching/window_retire.html", context)
