"""One run: what it does now, whom it needs, its servers, its log; and the admin's halt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from patching.filters import TargetFilter
from patching.forms import ReasonForm
from patching.models import Run, Target
from patching.navigation import is_admin
from patching.next_steps import next_step
from patching.operations import runs as operations
from patching.queries.board import log_of, with_group
from patching.queries.hindrances import hindered_run
from patching.queries.next_patch import NextStart
from patching.queries.runs import progress
from patching.queries.waves import waves_of
from patching.rules import check_cancellable, check_haltable
from patching.standing import Group, standing_of
from patching.states import RUN_OVER, RunState
from patching.views.reading import reads
from patching.words import DISAGREEMENTS, alike, parts_of, phases, said_once, state_look, time_left, unguarded
from portal.access.queries import has_role
from portal.access.rules import Denied, allows, check_role
from portal.access.states import Role
from portal.isolation import CANNOT_BE_SHOWN, each
from portal.tones import Tone
from portal.web.filters import chips_of
from portal.web.forms import onto
from portal.web.paging import KeysetPager
from portal.web.requests import SignedIn

WORST_FIRST = KeysetPager(order=("rank", "asset__name", "pk"))
TROUBLED_SHOWN, LOG_SHOWN = 12, 60
READ_BY = "The owners of the servers read it."


def _load(request: SignedIn, pk: int) -> tuple[Run, QuerySet[Any]]:
    run = get_object_or_404(
        Run.objects.visible_to(request.user).select_related("window", "created_by"), pk=pk
    )
    return run, with_group(Target.objects.visible_to(request.user).filter(run=run))


@reads
def run(request: SignedIn, pk: int) -> HttpResponse:
    """The page; asked by htmx for its table alone, only the table."""
    found, targets = _load(request, pk)
    table = _table(request, found, targets)
    if request.headers.get("HX-Target") == "targets":
        return render(request, "patching/_targets.html", table)
    board = _board(request, found, targets)
    if not table["form"].narrows:
        table["total"] = board["counts"].total
    context = board | table | {"halt_form": ReasonForm(hint=READ_BY, auto_id="id_halt_%s")}
    return render(request, "patching/run.html", context)


@reads
def run_live(request: SignedIn, pk: int) -> HttpResponse:
    """What changes while a run is under way. The fragment of a run that is over asks no more."""
    found, targets = _load(request, pk)
    return render(request, "patching/_live.html", _board(request, found, targets) | {"fragment": True})


def _windows_of(targets: QuerySet[Any]) -> Iterator[Target]:
    """One Windows server of them, if there is one. Asked only where the answer matters."""
    yield from targets.filter(platform="windows").only("platform")[:1]


def _board(request: SignedIn, found: Run, targets: QuerySet[Any]) -> dict[str, Any]:
    now, counts = timezone.now(), progress(found, targets)
    troubled = targets.filter(group=Group.NEEDS_YOU).select_related("asset").order_by("rank", "-since", "pk")
    return {
        "run": found,
        "counts": counts,
        "parts": parts_of(counts, reverse("patching:run", args=[found.pk]), check_only=found.check_only),
        "phases": phases(found),
        "look": state_look(found),
        "left": time_left(found, counts, now),
        "troubled": alike(worst := each(troubled[:TROUBLED_SHOWN], shown, not_shown)),
        "named": len(worst),
        "log": list(log_of(found, targets)[:LOG_SHOWN]),
        "over": found.state in RUN_OVER,
        "active": found.state not in RUN_OVER and found.state != RunState.PLANNED,
        "late": found.state == RunState.PLANNED and found.starts_at < now,
        "before_cutoff": found.state not in RUN_OVER and now < found.cutoff_at,
        "stoppable": found.state not in RUN_OVER and found.state != RunState.HALTING,
        "admin": is_admin(request),
        "waves": waves_of(found, targets),
        "unguarded": unguarded(found.run_policy, (row.platform for row in _windows_of(targets))),
        "retryable": counts.retryable,
        "hindered": hindered_run(found),
    }


def _table(request: SignedIn, found: Run, targets: QuerySet[Any]) -> dict[str, Any]:
    form = TargetFilter(request.GET)
    start = NextStart(found.window, timezone.now())
    rows = start.asked_of(form.narrow(targets).select_related("asset__patch_state"))
    page = WORST_FIRST.page_of(request, rows)
    return {
        "run": found,
        "form": form,
        "chips": chips_of(form, request.GET),
        "page": page,
        "rows": said_once(_with_next_step(found, start, row) for row in each(page, shown, not_shown)),
        "may_check": has_role(request.user, Role.OWNER, Role.ADMIN),
        "total": None,
        "over": found.state in RUN_OVER,
        "admin": is_admin(request),
    }


def _with_next_step(run: Run, start: NextStart, row: dict[str, Any]) -> dict[str, Any]:
    """What to do about a failed check, unless more has happened since; `sooner`: a retry would patch the server."""
    target = row["target"]
    step = next_step(target.state, target.reason_code) if is_latest(run, target) else None
    return row | {"step": step, "next_patch": step and start.of(target), "sooner": not run.check_only}


def is_latest(run: Run, target: Target) -> bool:
    """Whether nothing later is remembered of the server."""
    state = getattr(target.asset, "patch_state", None)
    return run.state not in RUN_OVER or state is None or state.last_target_id == target.pk


def shown(row: Target) -> dict[str, Any]:
    """A target with the word and the tone of where it stands."""
    standing = standing_of(row.state, row.verdict, row.behind)
    may_skip = row.state in operations.BEFORE_SENDING
    return {
        "target": row,
        "label": standing.word,
        "tone": standing.tone,
        "agreement": DISAGREEMENTS.get(row.agreement, ""),
        "may_retry": standing.retryable,
        "may_skip": may_skip,
    }


def not_shown(row: Target) -> dict[str, Any]:
    return {
        "target": row,
        "label": CANNOT_BE_SHOWN,
        "tone": Tone.DANGER,
        "may_retry": False,
        "may_skip": False,
    }


@require_http_methods(["GET", "POST"])
def halt(request: SignedIn, pk: int) -> HttpResponse:
    return _stop(request, pk, operations.halt, "Halting: nothing more is sent.", "halt")


@require_http_methods(["GET", "POST"])
def cancel(request: SignedIn, pk: int) -> HttpResponse:
    return _stop(request, pk, operations.cancel, "The run is cancelled.", "cancel")


def _stop(request: SignedIn, pk: int, operation: Any, said: str, kind: str) -> HttpResponse:
    found, targets = _load(request, pk)
    check_role(request.user, Role.ADMIN)
    form = ReasonForm(request.POST or None, hint=READ_BY)
    status = 422 if request.method == "POST" else 200
    if form.is_valid():
        try:
            operation(run=found, by=request.user, reason=form.cleaned_data["reason"], now=timezone.now())
        except Denied as refusal:
            status = onto(form, refusal)
        else:
            messages.warning(request, said)
            return redirect("patching:run", pk)
    context = {"run": found, "form": form, "counts": progress(found, targets), "kind": kind}
    context["why_not"] = allows(check_haltable if kind == "halt" else check_cancellable, found)
    return render(request, "patching/stop.html", context, status=status)
