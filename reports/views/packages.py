"""Every package that runs changed on one server: old, new, when and in which run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from patching.models import PackageChange, Run
from portal.access.models import User
from portal.access.queries import read_grants_once
from portal.inventory.models import Asset
from portal.web.csv_export import csv_response
from portal.web.filters import chips_of
from portal.web.paging import KeysetPager, capped_count
from portal.web.requests import SignedIn

NEWEST_FIRST = KeysetPager(order=("-target_id", "name", "pk"))
ANY = [("", "Any")]
KINDS = [("upgrade", "Updated"), ("install", "New"), ("remove", "Removed"), ("kb", "Windows update")]
RUNS_OFFERED = 50


class PackageFilter(forms.Form):
    """What the address may ask of a server's package history."""

    q = forms.CharField(label="Search", required=False, max_length=200)
    kind = forms.ChoiceField(label="What happened", required=False, choices=ANY + KINDS)
    security = forms.ChoiceField(
        label="Security", required=False, choices=[*ANY, ("1", "Security updates only")]
    )
    run = forms.ChoiceField(label="Run", required=False)

    def __init__(self, *args: Any, asset: Asset, reader: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        runs = (
            Run.objects.visible_to(reader).filter(targets__asset=asset).order_by("-starts_at")[:RUNS_OFFERED]
        )
        offered = [(str(run.pk), f"{run.name}, {run.starts_at:%Y-%m-%d}") for run in runs]
        self.fields["run"].choices = ANY + offered  # type: ignore[attr-defined]

    def narrow(self, rows: QuerySet[PackageChange]) -> QuerySet[PackageChange]:
        """The changes that match; none while the filter is not valid."""
        if not self.is_valid():
            return rows.none()
        wanted = self.cleaned_data
        text = wanted["q"].strip().replace("\x00", "")
        if text:
            rows = rows.filter(Q(name__icontains=text) | Q(new__startswith=text) | Q(old__startswith=text))
        if wanted["security"]:
            rows = rows.filter(security=True)
        if wanted["run"]:
            rows = rows.filter(target__run=wanted["run"])
        return rows.filter(kind=wanted["kind"]) if wanted["kind"] else rows


def _found(request: SignedIn, pk: int) -> tuple[Asset, PackageFilter, QuerySet[PackageChange]]:
    read_grants_once(request.user)
    asset = get_object_or_404(Asset.objects.visible_to(request.user), pk=pk)
    form = PackageFilter(request.GET, asset=asset, reader=request.user)
    rows = PackageChange.objects.filter(asset=asset).select_related("target__run")
    return asset, form, form.narrow(rows)


@require_GET
def packages(request: SignedIn, pk: int) -> HttpResponse:
    """The history, newest run first."""
    asset, form, rows = _found(request, pk)
    total, capped = capped_count(rows)
    context = {
        "asset": asset,
        "form": form,
        "chips": chips_of(form, request.GET),
        "page": NEWEST_FIRST.page_of(request, rows),
        "total": total,
        "capped": capped,
        "query": request.GET.urlencode(),
    }
    return render(request, "reports/packages.html", context)


@require_GET
def packages_csv(request: SignedIn, pk: int) -> HttpResponseBase:
    asset, _, rows = _found(request, pk)
    header = (
        "server",
        "instance id",
        "package",
        "architecture",
        "old",
        "new",
        "kind",
        "security",
        "run",
        "run started",
    )
    return csv_response("packages.csv", header, _cells(asset, rows.order_by("-target_id", "name", "pk")))


def _cells(asset: Asset, rows: QuerySet[PackageChange]) -> Iterator[tuple[Any, ...]]:
    for row in rows.iterator(chunk_size=2000):
        run = row.target.run
        yield (asset.label, asset.instance_id, row.name, row.arch, row.old, row.new, row.kind, row.security,
               run.name, run.starts_at)  # fmt: skip
