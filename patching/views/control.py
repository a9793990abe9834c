"""The pages on which an admin steers a run: try again, leave out, extend. Each asks for a reason first."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from patching.forms import ExtendForm, ReasonForm
from patching.models import Run, Target
from patching.operations import control
from patching.rules import check_extensible
from portal.access.rules import Denied, Invalid, allows, check_role
from portal.access.states import Role
from portal.sentences import counted
from portal.web.forms import onto
from portal.web.requests import SignedIn

READ_BY = "It stands in the run's log."


def _run(request: SignedIn, pk: int) -> Run:
    found = get_object_or_404(Run.objects.visible_to(request.user).select_related("window"), pk=pk)
    check_role(request.user, Role.ADMIN)
    return found


def _target(request: SignedIn, run: Run) -> Target | None:
    """The one server that the address names; none when it names none."""
    asked = request.GET.get("target", "")
    if not asked:
        return None
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 18):
        raise Invalid(f"{asked[:20]!r} is not a server of this run. Go back and choose one.", field="target")
    rows = Target.objects.visible_to(request.user).filter(run=run).select_related("asset", "run")
    return get_object_or_404(rows, pk=int(asked))


@require_http_methods(["GET", "POST"])
def retry(request: SignedIn, pk: int) -> HttpResponse:
    """One server (`?target=`) or every server of the run that failed, was blocked or lost."""
    run = _run(request, pk)
    target = _target(request, run)
    worth = run.targets.filter(control.WORTH_A_RETRY).select_related("asset")
    chosen = list(worth.filter(pk=target.pk) if target else worth)
    form = ReasonForm(request.POST or None, hint=READ_BY)

    def act(reason: str) -> HttpResponse:
        ids = [row.pk for row in chosen]
        done = control.retry(run=run, ids=ids, by=request.user, reason=reason, now=timezone.now())
        messages.success(request, f"{counted(len(chosen), 'server is,servers are')} tried again.")
        return redirect("patching:run", done.pk)

    context = {"kind": "retry", "chosen": chosen, "inside": run.state in control.ACTIVE}
    return _page(request, run, form, act, context | {"target": target})


@require_http_methods(["GET", "POST"])
def skip(request: SignedIn, pk: int) -> HttpResponse:
    """Leaves the server that `?target=` names out of this run."""
    run = _run(request, pk)
    target = _target(request, run)
    if target is None:
        raise Invalid("No server is named. Choose one in the list of the run.", field="target")
    form = ReasonForm(request.POST or None, hint="Its owner reads it.")

    def act(reason: str) -> HttpResponse:
        control.skip(target=target, by=request.user, reason=reason, now=timezone.now())
        messages.success(request, f"{target.asset.label} is left out of this run.")
        return redirect("patching:run", pk)

    return _page(request, run, form, act, {"kind": "skip", "target": target})


@require_http_methods(["GET", "POST"])
def extend(request: SignedIn, pk: int) -> HttpResponse:
    """A later cutoff."""
    run = _run(request, pk)
    form = ExtendForm(request.POST or None, hint="The owners of the servers read it.")

    def act(reason: str) -> HttpResponse:
        minutes = form.cleaned_data["minutes"]
        control.extend(run=run, minutes=minutes, by=request.user, reason=reason, now=timezone.now())
        messages.success(request, f"The cutoff is {minutes} minutes later.")
        return redirect("patching:run", pk)

    why_not = allows(check_extensible, run, timezone.now())
    return _page(request, run, form, act, {"kind": "extend", "why_not": why_not})


def _page(request: SignedIn, run: Run, form: Any, act: Any, context: dict[str, Any]) -> HttpResponse:
    status = 422 if request.method == "POST" else 200
    if form.is_valid():
        try:
            done: HttpResponse = act(form.cleaned_data["reason"])
        except Denied as refusal:
            status = onto(form, refusal)
        else:
            return done
    return render(request, "patching/steer.html", context | {"run": run, "form": form}, status=status)
