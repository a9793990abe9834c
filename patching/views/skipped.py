"""Which starts an exception's days would skip: a fragment that the form of an exception asks for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from exceptions.rules import check_days
from patching.queries.skipped import skipped_starts
from portal.access.queries import read_grants_once
from portal.access.rules import Denied, Invalid
from portal.inventory.choosing import chosen
from portal.web.requests import SignedIn


class Days(forms.Form):
    from_date = forms.DateField()
    to_date = forms.DateField()
    time_zone = forms.CharField(max_length=64)


@require_http_methods(["GET", "POST"])
def skipped(request: SignedIn) -> HttpResponse:
    """Only reads; POST is there for selections that are too long for an address."""
    read_grants_once(request.user)
    try:
        context = _skipped(request)
    except Denied as refusal:
        context = {"refusal": str(refusal)}
    return render(request, "patching/_skipped.html", context)


def _skipped(request: SignedIn) -> dict[str, Any]:
    servers = chosen(request)
    days = Days(request.POST if request.method == "POST" else request.GET)
    if not days.is_valid():
        raise Invalid("Choose both days and a time zone: then the starts that are skipped stand here.")
    values = days.cleaned_data
    now = timezone.now()
    begins_at, ends_at = check_days(values["from_date"], values["to_date"], values["time_zone"], now)
    found = skipped_starts(servers.rows, begins_at, ends_at, now=now)
    return {"found": found, "servers": servers.count, "starts": sum(row.count for row in found)}
