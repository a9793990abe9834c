"""What changed in a run: packages and servers, as a page and as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from patching.models import Run, Target
from portal.access.queries import read_grants_once
from portal.web.csv_export import csv_response
from portal.web.filters import chips_of
from portal.web.paging import KeysetPager, capped_count
from portal.web.requests import SignedIn
from reports.queries.changes import every_change, kernels, package_changes
from reports.views.packages import ANY, KINDS

ON_MOST_FIRST = KeysetPager(order=("-kernel", "-servers", "name", "old", "new", "kind"))


class ChangeFilter(forms.Form):
    """What the address may ask of a run's changes."""

    q = forms.CharField(label="Search", required=False, max_length=200)
    kind = forms.ChoiceField(label="What happened", required=False, choices=ANY + KINDS)
    security = forms.ChoiceField(
        label="Security", required=False, choices=[*ANY, ("1", "Security updates only")]
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The changes that match; none while the filter is not valid."""
        if not self.is_valid():
            return rows.none()
        wanted = self.cleaned_data
        if text := wanted["q"].strip().replace("\x00", ""):
            rows = rows.filter(name__icontains=text)
        if wanted["security"]:
            rows = rows.filter(security=True)
        return rows.filter(kind=wanted["kind"]) if wanted["kind"] else rows


def _found(request: SignedIn, pk: int) -> tuple[Run, QuerySet[Target], ChangeFilter]:
    read_grants_once(request.user)
    run = get_object_or_404(Run.objects.visible_to(request.user), pk=pk)
    return run, Target.objects.visible_to(request.user).filter(run=run), ChangeFilter(request.GET)


@require_GET
def run_changes(request: SignedIn, pk: int) -> HttpResponse:
    """A line for each package, from and to."""
    run, targets, form = _found(request, pk)
    rows = form.narrow(package_changes(targets))
    total, capped = capped_count(rows)
    context = {
        "run": run,
        "form": form,
        "chips": chips_of(form, request.GET),
        "kernels": kernels(targets),
        "page": ON_MOST_FIRST.page_of(request, rows),
        "total": total,
        "capped": capped,
        "query": request.GET.urlencode(),
    }
    return render(request, "reports/run_changes.html", context)


@require_GET
def run_changes_csv(request: SignedIn, pk: int) -> HttpResponseBase:
    """A line for each package and server."""
    run, targets, form = _found(request, pk)
    header = (
        "package", "architecture", "old", "new", "kind", "security", "servers with this change", "server",
        "instance id", "account", "region", "application",
    )  # fmt: skip
    return csv_response(f"run-{run.pk}-changes.csv", header, _cells(form.narrow(every_change(targets))))


def _cells(rows: QuerySet[Any]) -> Iterator[tuple[Any, ...]]:
    for row in rows.iterator(chunk_size=2000):
        asset = row.asset
        yield (
            row.name, row.arch, row.old, row.new, row.kind, row.security, row.servers, asset.label, asset.instance_id,
            asset.account.account_id, asset.region, asset.application,
        )  # fmt: skip
