"""Before a run: who will be patched, who not and why; and the buttons that start one by hand."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from patching.models import Window
from patching.navigation import is_admin, pause_in_force
from patching.operations import ad_hoc
from patching.policy.fields import facts as policy_facts
from patching.policy.waves import REST
from patching.queries import runs as queries
from patching.queries.board import in_a_run
from patching.queries.candidates import enrolled, read_lightly
from patching.queries.waking import waking_of
from patching.views.reading import reads
from patching.words import rule_words, unguarded
from portal.access.rules import Denied, Invalid, check_role
from portal.access.states import Role
from portal.web.forms import status_of
from portal.web.paging import page_of_list
from portal.web.requests import SignedIn


@reads
def plan(request: SignedIn, slug: str) -> HttpResponse:
    """The plan of the next start, or for an admin of a start at once (`at=now`)."""
    return _plan_page(request, get_object_or_404(Window, slug=slug))


def _plan_page(request: SignedIn, window: Window, refusal: str = "", status: int = 200) -> HttpResponse:
    now = timezone.now()
    at_once = is_admin(request) and (request.GET.get("at") == "now" or bool(refusal))
    starts_at = now if at_once else window.recurrence.next(now, 1)[0]
    mine = enrolled(window).visible_to(request.user)  # type: ignore[attr-defined]
    made = queries.plan_of(window, starts_at, read_lightly(mine))
    show_left = request.GET.get("show") == "left-out"
    rows = made.excluded if show_left else made.included
    context = {
        "window": window,
        "rule": rule_words(window),
        "plan": made,
        "at_once": at_once,
        "cutoff_at": _cutoff(window, starts_at),
        "waves": _waves(window, made),
        "policy_facts": policy_facts(window.run_policy, without=("waves",)),
        "may_reboot": window.run_policy.reboot != "never",
        "unguarded": unguarded(window.run_policy, (host.asset.platform for host in made.included)),
        "stopped": sum(host.stopped for host in made.included),
        "waking": waking_of(window, made) if not at_once else None,
        "reasons": Counter(out.sentence for out in made.excluded).most_common(8),
        "show_left": show_left,
        "page": page_of_list(request, sorted(rows, key=_by_name), of="plan"),
        "under_way": in_a_run(window, now) if at_once else [],
        "admin": is_admin(request),
        "pause": pause_in_force(request),
        "refusal": refusal,
    }
    return render(request, "patching/plan.html", context, status=status)


def _waves(window: Window, made: queries.Plan) -> list[tuple[str, str, int]]:
    """(name, what it takes and waits, servers) of each wave; none for a window that patches all at once."""
    rules = window.run_policy.wave_rules
    if not rules:
        return []
    shown = [(rule.name, rule.words, made.in_wave(number)) for number, rule in enumerate(rules, 1)]
    return [*shown, (REST, "everybody else", made.in_wave(len(rules) + 1))]


def _cutoff(window: Window, starts_at: datetime) -> datetime:
    return starts_at + timedelta(minutes=window.duration_minutes - window.cutoff_minutes)


def _by_name(row: queries.PlannedHost | queries.ExcludedHost) -> tuple[str, int]:
    return (row.asset.label.lower(), row.asset.pk)


@require_POST
def start_now(request: SignedIn, slug: str) -> HttpResponse:
    """Starts a run at once for everybody enrolled: patching (`kind=full`) or only the checks (`check_only`)."""
    window = get_object_or_404(Window, slug=slug)
    check_role(request.user, Role.ADMIN)
    kind = request.POST.get("kind", "")
    try:
        if kind not in {"full", "check_only"}:
            raise Invalid("Choose what to start: the whole run, or the checks only.", field="kind")
        run = ad_hoc.start(
            window=window, by=request.user, now=timezone.now(), check_only=kind == "check_only"
        )
    except Denied as refusal:
        return _plan_page(request, window, str(refusal), status_of(refusal))
    messages.success(request, f"Started: {run.name}.")
    return redirect("patching:run", run.pk)
