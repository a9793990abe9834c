"""Recurring faults: what the pre-check meets again and again, what would mend it, and what an admin decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from patching.checks import LASTING_FIXES
from patching.models import FixProposal
from patching.operations import proposals
from patching.states import PROPOSAL_STATES, ProposalState
from patching.views.reading import reads
from portal.access.rules import Denied, check_role
from portal.access.states import Role
from portal.web.csv_export import csv_response
from portal.web.filters import chips_of
from portal.web.forms import onto
from portal.web.paging import KeysetPager
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("-last_seen_at", "-pk"))


class ProposalFilter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=200)
    check = forms.ChoiceField(
        label="Fault", required=False,
        choices=[("", "Any"), *((key, words) for key, (words, _) in LASTING_FIXES.items())],
    )  # fmt: skip
    state = forms.ChoiceField(
        label="State", required=False, choices=[("", "Open"), *ProposalState.choices[1:]]
    )

    def narrow(self, rows: QuerySet[FixProposal]) -> QuerySet[FixProposal]:
        if not self.is_valid():
            return rows.none()
        wanted = self.cleaned_data
        rows = rows.filter(state=wanted["state"] or ProposalState.OPEN)
        text = wanted["q"].strip().replace("\x00", "")
        if text:
            rows = rows.filter(Q(asset__name__icontains=text) | Q(asset__application__icontains=text))
        return rows.filter(check_name=wanted["check"]) if wanted["check"] else rows


def _rows(request: SignedIn) -> tuple[ProposalFilter, QuerySet[FixProposal]]:
    check_role(request.user, Role.ADMIN, Role.AUDITOR)
    form = ProposalFilter(request.GET)
    return form, form.narrow(FixProposal.objects.select_related("asset"))


@reads
def recurring(request: SignedIn) -> HttpResponse:
    form, rows = _rows(request)
    page = PAGER.page_of(request, rows)
    context = {
        "form": form,
        "chips": chips_of(form, request.GET),
        "page": page,
        "rows": [shown(row) for row in page],
        "total": rows.count(),
        "open": FixProposal.objects.filter(state=ProposalState.OPEN).count(),
        "query": request.GET.urlencode(),
        "admin": Role.ADMIN in {grant.role for grant in request.user.grants.all()},
    }
    return render(request, "patching/recurring.html", context)


def shown(row: FixProposal) -> dict[str, Any]:
    """A proposal in words."""
    fault, advice = LASTING_FIXES[row.check_name]
    state = ProposalState(row.state)
    tone = PROPOSAL_STATES[state].tone
    return {"proposal": row, "fault": fault, "advice": advice, "label": state.label, "tone": tone}


@require_GET
def recurring_csv(request: SignedIn) -> HttpResponseBase:
    _, rows = _rows(request)
    header = ("server", "instance id", "application", "fault", "runs with it", "of", "repaired each time", "last said",
              "lasting fix", "state", "reason", "last seen")  # fmt: skip
    return csv_response("recurring-faults.csv", header, _cells(rows.order_by("-last_seen_at", "-pk")))


def _cells(rows: QuerySet[FixProposal]) -> Iterator[tuple[Any, ...]]:
    for row in rows.iterator(chunk_size=2000):
        words = shown(row)
        yield (row.asset.label, row.asset.instance_id, row.asset.application, words["fault"], row.count, row.of,
               row.repaired, row.detail, words["advice"], words["label"], row.reason, row.last_seen_at)  # fmt: skip


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(
        label="Decision",
        choices=[("accepted", "It is being mended"), ("dismissed", "It stays as it is")],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label="What is done, or why nothing is", max_length=500, widget=forms.Textarea(attrs={"rows": 3})
    )


@require_http_methods(["GET", "POST"])
def recurring_decide(request: SignedIn, pk: int) -> HttpResponse:
    check_role(request.user, Role.ADMIN)
    found = get_object_or_404(FixProposal.objects.select_related("asset"), pk=pk)
    form = DecisionForm(request.POST or None)
    status = 422 if request.method == "POST" else 200
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            proposals.decide(
                proposal=found, accepted=wanted["decision"] == "accepted", by=request.user, reason=wanted["reason"],
                now=timezone.now(),
            )  # fmt: skip
        except Denied as refusal:
            status = onto(form, refusal)
        else:
            messages.success(request, f"Decided on {found.asset.label}.")
            return redirect("patching:recurring")
    return render(request, "patching/recurring_decide.html", shown(found) | {"form": form}, status=status)


@require_POST
def recurring_reopen(request: SignedIn, pk: int) -> HttpResponse:
    check_role(request.user, Role.ADMIN)
    found = get_object_or_404(FixProposal.objects.select_related("asset"), pk=pk)
    proposals.reopen(proposal=found, by=request.user, now=timezone.now())
    messages.success(request, f"{found.asset.label} is on the list again.")
    return redirect("patching:recurring")
