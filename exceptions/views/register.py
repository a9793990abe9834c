"""The register: every request that a person may see, filtered, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from exceptions import queries
from exceptions.forms import RegisterFilter
from exceptions.models import ExceptionRequest
from exceptions.rules import CATEGORIES
from exceptions.states import IN_FORCE, ExceptionState
from portal.access.models import User
from portal.access.queries import has_role, read_grants_once
from portal.access.states import Role
from portal.web.csv_export import csv_response
from portal.web.filters import chips_of
from portal.web.paging import KeysetPager, capped_count
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("-pk",))


def filtered(user: User, query: QueryDict) -> tuple[RegisterFilter, QuerySet[ExceptionRequest]]:
    """What the address asks for of the requests that the user may see; for page, file and API."""
    form = RegisterFilter(query)
    if not form.is_valid():
        return form, ExceptionRequest.objects.none()
    return form, queries.register(user, **form.cleaned_data)


@require_GET
def register(request: SignedIn) -> HttpResponse:
    read_grants_once(request.user)
    form, rows = filtered(request.user, request.GET)
    total, capped = capped_count(rows)
    # The headline speaks of all that this person may see, whatever the filter shows.
    seen = queries.register(request.user)
    soon = timezone.now() + timedelta(days=7)
    context = {
        "form": form,
        "chips": chips_of(form, request.GET),
        "page": PAGER.page_of(request, rows.annotate(servers=Count("covered"))),
        "total": total,
        "capped": capped,
        "oldest": seen.filter(state=ExceptionState.SUBMITTED).order_by("submitted_at").first(),
        **seen.filter(state__in=IN_FORCE).aggregate(
            in_force=Count("pk", filter=Q(state=ExceptionState.ACTIVE)),
            to_come=Count("pk", filter=Q(state=ExceptionState.APPROVED)),
            ending_soon=Count("pk", filter=Q(state=ExceptionState.ACTIVE, ends_at__lt=soon)),
        ),
        "is_owner": has_role(request.user, Role.OWNER, Role.ADMIN),
        "now": timezone.now(),
    }
    return render(request, "exceptions/register.html", context)


@require_GET
def register_csv(request: SignedIn) -> HttpResponseBase:
    _, rows = filtered(request.user, request.GET)
    header = (
        "exception", "state", "from", "to", "zone", "starts at", "ends at", "kind", "reason", "asked by", "asked at",
        "servers", "last decision", "decided by", "decided at", "reason of the decision", "asked until",
    )  # fmt: skip
    rows = rows.annotate(servers=Count("covered")).prefetch_related("approvals__by").order_by("-pk")
    return csv_response("exceptions.csv", header, _csv_rows(rows))


def _csv_rows(rows: QuerySet[ExceptionRequest]) -> Iterator[tuple[Any, ...]]:
    for row in rows.iterator(chunk_size=500):
        last = max(row.approvals.all(), key=lambda approval: approval.pk, default=None)
        yield (
            row.pk, row.get_state_display(), row.from_date, row.to_date, row.time_zone, row.starts_at, row.ends_at,
            CATEGORIES.get(row.category, row.category), row.reason, row.requested_by.display_name, row.submitted_at,
            row.servers,  # type: ignore[attr-defined]
            *((last.decision, last.by.display_name, last.at, last.reason) if last else ("", "", None, "")),
            row.asked_to_date,
        )  # fmt: skip
