"""Pages of exceptions: ask, decide, look up. Each loads, calls one operation, and translates the answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from exceptions import operations, queries
from exceptions.forms import AskForm, RegisterFilter
from exceptions.models import ExceptionRequest
from exceptions.queries import approvers_of, bearing_foreign_tag, current_for, waiting_for
from exceptions.rules import CATEGORIES, check_decide, check_revoke
from exceptions.states import IN_FORCE, STATES, ExceptionState
from portal.access.queries import has_role, read_grants_once
from portal.access.rules import Denied, Invalid, allows
from portal.access.states import Role
from portal.audit.models import AuditEvent
from portal.inventory.choosing import chosen_assets
from portal.inventory.models import Asset
from portal.web.csv_export import csv_response
from portal.web.filters import chips_of
from portal.web.forms import onto, status_of
from portal.web.paging import KeysetPager, capped_count
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("-pk",))


@require_http_methods(["GET", "POST"])
def ask(request: SignedIn) -> HttpResponse:
    assets = chosen_assets(request)
    if not assets:
        return render(request, "exceptions/ask_empty.html")
    posted = request.method == "POST" and "reason" in request.POST
    form = AskForm(request.POST if posted else None, initial=_first_days(request))
    if posted and form.is_valid():
        try:
            made = operations.submit(assets=assets, by=request.user, now=timezone.now(), **form.cleaned_data)
        except Denied as refusal:
            onto(form, refusal)
        else:
            messages.success(request, f"Exception {made.pk} is waiting for approval.")
            return redirect("exceptions:case", made.pk)
    context = {
        "form": form,
        "assets": assets,
        "ids": ",".join(str(asset.pk) for asset in assets),
        "zones": form.zones(),
        "already": current_for(assets, timezone.now()),
    }
    return render(request, "exceptions/ask.html", context, status=422 if posted else 200)


def _first_days(request: SignedIn) -> dict[str, Any]:
    from portal.web.chrome import Chrome

    zone = Chrome(request).zone
    today = timezone.now().astimezone(zone).date()
    return {"from_date": today, "to_date": today + timedelta(days=6), "time_zone": str(zone)}


@require_GET
def inbox(request: SignedIn) -> HttpResponse:
    """What waits for this approver, the longest waiting first."""
    read_grants_once(request.user)
    rows = waiting_for(request.user).select_related("requested_by").annotate(servers=Count("covered"))
    context = {"rows": list(rows[:200]), "now": timezone.now(), "categories": CATEGORIES}
    return render(request, "exceptions/inbox.html", context)


@require_GET
def case(request: SignedIn, pk: int) -> HttpResponse:
    """The whole case on one screen, and what this person may do about it."""
    read_grants_once(request.user)
    rows = ExceptionRequest.objects.visible_to(request.user).select_related("requested_by")
    found = get_object_or_404(rows, pk=pk)
    return _case_page(request, found)


def _case_page(
    request: SignedIn, found: ExceptionRequest, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    assets = list(
        Asset.objects.visible_to(request.user)
        .filter(covered__request=found)
        .select_related("account")
        .order_by("name", "pk")
    )
    events = AuditEvent.objects.filter(subject_type="exception", subject_id=str(found.pk)).order_by("-pk")
    open_to = STATES[ExceptionState(found.state)].moves
    context = {
        "case": found,
        "assets": assets[:50],
        "more": max(0, len(assets) - 50),
        "hidden": found.covered.count() - len(assets),
        "events": [(_tone(event), event) for event in events[:50]],
        "waits_for": _waits_for(found),
        "foreign": len(bearing_foreign_tag(assets, timezone.now())),
        "category": CATEGORIES.get(found.category, found.category),
        "tone": STATES[ExceptionState(found.state)].tone,
        "can_decide": ExceptionState.APPROVED in open_to,
        "why_not_decide": allows(check_decide, found, request.user),
        "can_revoke": ExceptionState.REVOKED in open_to and not allows(check_revoke, found, request.user),
        "can_withdraw": ExceptionState.WITHDRAWN in open_to and found.requested_by_id == request.user.pk,
        "can_resubmit": found.state == ExceptionState.RETURNED and found.requested_by_id == request.user.pk,
        "refusal": refusal,
        "typed": request.POST.get("reason", ""),
    }
    return render(request, "exceptions/case.html", context, status=status)


def _tone(event: AuditEvent) -> str:
    return STATES[ExceptionState(event.kind.removeprefix("exception."))].tone


def _waits_for(found: ExceptionRequest) -> list[str]:
    """Names of the people who could decide it now; empty when it waits for nobody."""
    if found.state != ExceptionState.SUBMITTED:
        return []
    return [user.display_name for user in approvers_of(found.assets.all(), without=found.requested_by)]


ACTS: dict[str, tuple[Any, str]] = {
    "approve": (operations.approve, "Approved. The servers are left out from now on."),
    "reject": (operations.reject, "Rejected. The requester is notified."),
    "return": (operations.return_for_rework, "Returned. The requester is notified."),
    "revoke": (operations.revoke, "Ended. The servers are patched again from the next run on."),
    "resubmit": (operations.resubmit, "Sent again."),
}


@require_POST
def decide(request: SignedIn, pk: int) -> HttpResponse:
    found = get_object_or_404(ExceptionRequest.objects.visible_to(request.user), pk=pk)
    act, reason = request.POST.get("act", ""), request.POST.get("reason", "")
    try:
        said = _act(found, act, reason, request)
    except Denied as refusal:
        fresh = ExceptionRequest.objects.select_related("requested_by").get(pk=pk)
        return _case_page(request, fresh, refusal=str(refusal), status=status_of(refusal))
    messages.success(request, said)
    return redirect("exceptions:case", pk)


def _act(found: ExceptionRequest, act: str, reason: str, request: SignedIn) -> str:
    if act == "withdraw":
        operations.withdraw(request=found, by=request.user, now=timezone.now())
        return "Withdrawn. You can ask again at any time."
    if act not in ACTS:
        raise Invalid("Choose what to do: approve, reject, return, withdraw or end it.", field="act")
    operation, said = ACTS[act]
    operation(request=found, by=request.user, reason=reason, now=timezone.now())
    return said


def _filtered(request: SignedIn) -> tuple[RegisterFilter, QuerySet[ExceptionRequest]]:
    form = RegisterFilter(request.GET)
    if not form.is_valid():
        return form, ExceptionRequest.objects.none()
    return form, queries.register(request.user, **form.cleaned_data)


@require_GET
def register(request: SignedIn) -> HttpResponse:
    read_grants_once(request.user)
    form, rows = _filtered(request)
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
            in_force=Count("pk"), ending_soon=Count("pk", filter=Q(ends_at__lt=soon))
        ),
        "is_owner": has_role(request.user, Role.OWNER, Role.ADMIN),
        "now": timezone.now(),
    }
    return render(request, "exceptions/register.html", context)


@require_GET
def register_csv(request: SignedIn) -> HttpResponseBase:
    _, rows = _filtered(request)
    header = (
        "exception", "state", "from", "to", "zone", "starts at", "ends at", "kind", "reason", "asked by", "asked at",
        "servers", "last decision", "decided by", "decided at", "reason of the decision",
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
        )  # fmt: skip
