"""Search over servers, runs and exceptions, each within the reader's scope."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from exceptions.models import ExceptionRequest
from patching.models import Run
from portal.access.queries import read_grants_once
from portal.inventory.models import Asset
from portal.web.requests import SignedIn

MOST = 20


@require_GET
def search(request: SignedIn) -> HttpResponse:
    read_grants_once(request.user)
    words = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    context: dict[str, Any] = {"words": words, "servers": [], "runs": [], "exceptions": []}
    if len(words) >= 2:
        context |= _found(request, words)
    return render(request, "reports/search.html", context)


def _found(request: SignedIn, words: str) -> dict[str, list[Any]]:
    named = Q(name__icontains=words) | Q(instance_id__startswith=words) | Q(private_ip=words)
    return {
        "servers": list(Asset.objects.visible_to(request.user).filter(named).order_by("name", "pk")[:MOST]),
        "runs": list(
            Run.objects.visible_to(request.user).filter(name__icontains=words).order_by("-starts_at")[:MOST]
        ),
        "exceptions": list(
            ExceptionRequest.objects.visible_to(request.user)
            .filter(reason__icontains=words)
            .order_by("-pk")[:MOST]
        ),
    }
