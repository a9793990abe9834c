"""A server's power and snapshots: kept running by its owner, put back by an admin. Each asks for a reason first."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from patching.forms import ReasonForm
from patching.models import RootSnapshot, Run, Target
from patching.navigation import is_admin
from patching.operations import power, restores
from patching.queries import power_and_snapshots as queries
from patching.queries.power_and_snapshots import why_not
from patching.rules import check_owns
from patching.states import RUN_OVER
from patching.views.reading import reads
from portal.access.rules import Denied, check_role
from portal.access.states import Role
from portal.inventory.models import Asset
from portal.web.forms import onto
from portal.web.requests import SignedIn


def _asset(request: SignedIn, pk: int) -> Asset:
    return get_object_or_404(Asset.objects.visible_to(request.user).select_related("account"), pk=pk)


@reads
def power_and_snapshots(request: SignedIn, pk: int) -> HttpResponse:
    """What runs hold of this server; asked by htmx, only the card."""
    asset = _asset(request, pk)
    context = {
        "asset": asset,
        "shown": queries.of_asset(asset),
        "admin": is_admin(request),
        "owns": _owns(request, asset),
    }
    page = (
        "patching/_power_and_snapshots.html"
        if request.headers.get("HX-Request")
        else "patching/power_and_snapshots.html"
    )
    return render(request, page, context)


@reads
def run_power_and_snapshots(request: SignedIn, pk: int) -> HttpResponse:
    """The servers that this run has started, and its snapshots."""
    run = get_object_or_404(Run.objects.visible_to(request.user).select_related("window"), pk=pk)
    targets = Target.objects.visible_to(request.user).filter(run=run)
    context = {"run": run, "shown": queries.of_run(run, targets), "over": run.state in RUN_OVER}
    page = (
        "patching/_run_power_and_snapshots.html"
        if request.headers.get("HX-Request")
        else "patching/run_power_and_snapshots.html"
    )
    return render(request, page, context)


def _owns(request: SignedIn, asset: Asset) -> bool:
    try:
        check_owns(asset, request.user)
    except Denied:
        return False
    return True


@require_http_methods(["GET", "POST"])
def keep_running(request: SignedIn, pk: int) -> HttpResponse:
    """The portal started it for a run; after this it is not stopped again."""
    asset = _asset(request, pk)
    check_owns(asset, request.user)
    form = ReasonForm(request.POST or None, hint="It stands in the run's log.")
    status = 422 if request.method == "POST" else 200
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            power.keep_running(asset=asset, by=request.user, reason=reason, now=timezone.now())
        except Denied as refusal:
            status = onto(form, refusal)
        else:
            messages.success(request, f"{asset.label} is not stopped after the run.")
            return redirect("reports:server", asset.pk)
    context = {"asset": asset, "form": form, "shown": queries.of_asset(asset)}
    return render(request, "patching/keep_running.html", context, status=status)


@require_http_methods(["GET", "POST"])
def restore(request: SignedIn, pk: UUID) -> HttpResponse:
    """The root volume as it was at this snapshot."""
    check_role(request.user, Role.ADMIN)
    rows = RootSnapshot.objects.filter(asset__in=Asset.objects.visible_to(request.user))
    row = get_object_or_404(rows.select_related("asset", "run"), pk=pk)
    form = ReasonForm(request.POST or None, hint="The owner of the server reads it.")
    status = 422 if request.method == "POST" else 200
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        try:
            restores.ask(snapshot=row, by=request.user, reason=reason, now=timezone.now())
        except Denied as refusal:
            status = onto(form, refusal)
        else:
            messages.warning(request, f"The root volume of {row.asset.label} is being put back.")
            return redirect("reports:server", row.asset_id)
    context = {"snapshot": row, "form": form, "why_not": why_not(row, row.asset)}
    return render(request, "patching/restore.html", context, status=status)
