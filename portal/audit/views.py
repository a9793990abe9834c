"""The audit trail: who did what, when and why. Admins and auditors read it; nobody changes it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from io import StringIO
from typing import Any

from django.db.models import Case, QuerySet, TextField, When
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.access.queries import has_role, read_grants_once
from portal.access.rules import Denied
from portal.access.states import Role
from portal.audit.changes import sentences
from portal.audit.forms import AuditFilter
from portal.audit.models import AuditEvent
from portal.audit.queries import events
from portal.web.chrome import Chrome
from portal.web.csv_copy import Copied, moment_cell, text_cell
from portal.web.csv_export import Row, csv_response
from portal.web.filters import chips_of
from portal.web.paging import KeysetPager, total_of
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("-pk",))
NOT_YOURS = "The audit trail is read by patch admins and auditors. Ask a patch admin to give you that role."


def check_reader(request: SignedIn) -> None:
    """Raises Denied for whoever reads no audit trail."""
    read_grants_once(request.user)
    if not has_role(request.user, Role.ADMIN, Role.AUDITOR):
        raise Denied(NOT_YOURS)


def filtered(request: SignedIn) -> tuple[AuditFilter, QuerySet[AuditEvent]]:
    """Days are whole days of the reader's zone; a filter that cannot be read finds nothing and says why."""
    form = AuditFilter(request.GET)
    if not form.is_valid():
        return form, AuditEvent.objects.none()
    wanted, zone = form.cleaned_data, Chrome(request).zone
    for name, more in (("since", 0), ("until", 1)):
        if day := wanted[name]:
            wanted[name] = datetime.combine(day + timedelta(days=more), time(), tzinfo=zone).astimezone(UTC)
    return form, events(**wanted)


@require_GET
def audit(request: SignedIn) -> HttpResponse:
    check_reader(request)
    form, rows = filtered(request)
    page = PAGER.page_of(request, rows)
    total, capped = total_of(page, rows)
    context = {
        "form": form,
        "chips": chips_of(form, request.GET),
        "page": page,
        "total": total,
        "capped": capped,
        "query": request.GET.urlencode(),
    }
    return render(request, "audit/audit.html", context)


@require_GET
def audit_csv(request: SignedIn) -> HttpResponseBase:
    check_reader(request)
    header = ("event", "at", "done by", "kind", "subject", "subject id", "run", "what happened", "old → new")
    return csv_response("audit.csv", header, _lines(filtered(request)[1].order_by("-pk")))


def _lines(rows: QuerySet[AuditEvent, Any]) -> Iterator[Row]:
    """The database writes them; only what settings were and became is put into words here."""
    texts = ("actor", "kind", "subject_type", "subject_id")
    changes = Case(When(detail__has_key="changed", then=Cast("detail", TextField())))
    rows = rows.values_list(
        "pk", moment_cell("at"), *map(text_cell, texts), "run_id", text_cell("summary"), changes
    )
    for line in Copied(rows):
        yield line if line.endswith(",\r\n") else _told(line)


def _told(line: str) -> list[str]:
    *cells, detail = next(csv.reader(StringIO(line, newline="")))
    return [*cells, "; ".join(sentences(json.loads(detail)))]
