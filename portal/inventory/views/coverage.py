"""The list to work down: servers that cannot be patched or that nobody answers for, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.access.queries import has_role, read_grants_once
from portal.access.states import Role
from portal.inventory import queries
from portal.inventory.forms import CoverageFilter
from portal.inventory.models import Asset
from portal.inventory.states import BLOCKING, Coverage
from portal.inventory.words import WAYS_OUT
from portal.isolation import CANNOT_BE_SHOWN, each
from portal.tones import Tone
from portal.web.csv_export import csv_response
from portal.web.filters import chips_of
from portal.web.paging import KeysetPager, capped_count
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("name", "pk"))


def _filtered(request: SignedIn) -> tuple[CoverageFilter, QuerySet[Asset]]:
    form = CoverageFilter(request.GET)
    rows: Any = Asset.objects.visible_to(request.user).present().exclude(coverage="")
    if not form.is_valid():
        return form, rows.none()
    wanted = form.cleaned_data
    if words := wanted["q"].strip():
        rows = rows.filter(Q(name__icontains=words) | Q(instance_id__startswith=words) | Q(private_ip=words))
    if wanted["reason"]:
        rows = rows.filter(coverage_reasons__contains=[wanted["reason"]])
    if wanted["account"]:
        rows = rows.filter(account__account_id=wanted["account"])
    same = {name: wanted[name] for name in ("application", "owner", "region") if wanted[name]}
    return form, rows.filter(**same).select_related("account")


@require_GET
def coverage(request: SignedIn) -> HttpResponse:
    read_grants_once(request.user)
    form, rows = _filtered(request)
    everything = Asset.objects.visible_to(request.user).present()
    counted = queries.counts(everything)
    total, capped = capped_count(rows)
    page = PAGER.page_of(request, rows)
    context = {
        "form": form,
        "chips": chips_of(form, request.GET),
        "servers": everything.count(),
        "blocked": counted["blocked"],
        "listed": counted["any"],
        "unowned": counted[Coverage.NO_OWNER],
        "reasons": [_reason(reason, counted[reason], form) for reason in Coverage],
        "page": page,
        "rows": each(page, _line, lambda asset: (asset, [(CANNOT_BE_SHOWN, Tone.DANGER)])),
        "total": total,
        "capped": capped,
        "query": request.GET.urlencode(),
        "is_admin": has_role(request.user, Role.ADMIN),
    }
    return render(request, "inventory/coverage.html", context)


def _reason(reason: Coverage, count: int, form: CoverageFilter) -> dict[str, Any]:
    chosen = form.is_valid() and form.cleaned_data["reason"] == reason
    return {"reason": reason, "count": count, "way_out": WAYS_OUT[reason], "chosen": chosen}


def _line(asset: Asset) -> tuple[Asset, list[tuple[str, str]]]:
    return asset, [_pill(word) for word in asset.coverage_reasons]


def _pill(word: str) -> tuple[str, str]:
    """Words and tone; what hinders patching altogether is a danger, the rest wants attention."""
    reason = Coverage(word)
    return str(reason.label), Tone.DANGER if reason in BLOCKING else Tone.ATTENTION


@require_GET
def coverage_csv(request: SignedIn) -> HttpResponseBase:
    read_grants_once(request.user)
    header = (
        "server", "instance id", "account", "region", "application", "owner", "power", "Systems Manager",
        "last sign of life", "reasons", "what to do", "odd facts",
    )  # fmt: skip
    return csv_response("coverage.csv", header, _cells(_filtered(request)[1].order_by("name", "pk")))


def _cells(rows: QuerySet[Asset]) -> Iterator[tuple[Any, ...]]:
    known = set(Coverage.values)
    for row in rows.iterator(chunk_size=5000):
        reasons = [Coverage(word) for word in row.coverage_reasons if word in known]
        yield (
            row.label, row.instance_id, row.account.account_id, row.region, row.application, row.owner, row.state,
            row.ssm_status, row.last_ping_at, "; ".join(reason.label for reason in reasons),
            " ".join(WAYS_OUT[reason] for reason in reasons), " ".join(row.oddities),
        )  # fmt: skip
