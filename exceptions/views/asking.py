"""Asking for an exception: which servers, from when to when, and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from exceptions import operations
from exceptions.forms import AskForm
from exceptions.queries import granted_among, undecided_for
from portal.access.rules import Denied
from portal.inventory.choosing import chosen
from portal.web.chrome import Chrome
from portal.web.forms import onto
from portal.web.requests import SignedIn

FEW = 12


@require_http_methods(["GET", "POST"])
def ask(request: SignedIn) -> HttpResponse:
    servers = chosen(request)
    if not servers.count and not servers.gone:
        return render(request, "exceptions/ask_empty.html")
    posted = request.method == "POST" and "reason" in request.POST
    form = AskForm(request.POST if posted else None, initial=_first_days(request))
    if posted and form.is_valid():
        try:
            made = operations.submit(
                assets=servers.rows, by=request.user, now=timezone.now(), **form.cleaned_data
            )
        except Denied as refusal:
            onto(form, refusal)
        else:
            messages.success(request, f"Exception {made.pk} is waiting for approval.")
            return redirect("exceptions:case", made.pk)
    context = {
        "form": form,
        "servers": servers,
        "first": list(servers.rows[:FEW]),
        "more": max(0, servers.count - FEW),
        "zones": form.zones(),
        "already": granted_among(servers.rows, timezone.now()),
        "undecided": list(undecided_for(servers.rows, request.user)[:5]),
    }
    return render(request, "exceptions/ask.html", context, status=422 if posted else 200)


def _first_days(request: SignedIn) -> dict[str, Any]:
    zone = Chrome(request).zone
    today = timezone.now().astimezone(zone).date()
    return {"from_date": today, "to_date": today + timedelta(days=6), "time_zone": str(zone)}
