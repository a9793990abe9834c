"""An approver's inbox, and one case: everything that its decision takes on one page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from exceptions import operations
from exceptions.consequences import Consequences, teller
from exceptions.forms import DecisionForm
from exceptions.models import ExceptionRequest
from exceptions.queries import approvers_of, bearing_foreign_tag, related, waiting_for
from exceptions.rules import CATEGORIES, check_decide, check_revoke, full_day
from exceptions.states import IN_FORCE, STATES, ExceptionState
from portal.access.models import User
from portal.access.queries import has_role, read_grants_once
from portal.access.rules import Denied, Invalid, allows
from portal.access.states import Role
from portal.audit.models import AuditEvent
from portal.inventory.models import Asset
from portal.sentences import inside_a_sentence
from portal.web.forms import onto
from portal.web.requests import SignedIn

S = ExceptionState
SHOWN = 50  # servers and events of one case


@require_GET
def inbox(request: SignedIn) -> HttpResponse:
    """What waits for this approver: what must be decided first stands first, then the longest waiting."""
    read_grants_once(request.user)
    now = timezone.now()
    waiting = waiting_for(request.user).select_related("requested_by").annotate(servers=Count("covered"))
    rows = list(waiting[:200])
    deadlines = teller().deadlines(rows, now)
    urgent = sorted(rows, key=lambda row: deadlines.get(row.pk, row.ends_at))
    context = {"rows": [(row, deadlines.get(row.pk)) for row in urgent], "oldest": rows[0] if rows else None}
    return render(request, "exceptions/inbox.html", context)


@require_GET
def case(request: SignedIn, pk: int) -> HttpResponse:
    """The whole case on one screen, and what this person may do about it."""
    read_grants_once(request.user)
    rows = ExceptionRequest.objects.visible_to(request.user).select_related("requested_by")
    found = get_object_or_404(rows, pk=pk)
    return _page(request, found, DecisionForm(found))


def _page(
    request: SignedIn, found: ExceptionRequest, form: DecisionForm, *, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    count = sum(kind.count for kind in found.kinds)
    rows = Asset.objects.visible_to(request.user).filter(covered__request=found)
    assets = list(rows.select_related("account").order_by("name", "pk"))
    state = S(found.state)
    events = AuditEvent.objects.filter(subject_type="exception", subject_id=str(found.pk)).order_by("-pk")
    context = {
        "case": found,
        "form": form,
        "assets": assets[:SHOWN],
        "more": max(0, len(assets) - SHOWN),
        "count": count,
        "hidden": count - len(assets),
        "events": [(_tone(event), event) for event in events[:SHOWN]],
        "deciders": _deciders(found),
        "consequences": _consequences(found, assets, now),
        "related": related(found, rows, request.user),
        "foreign": len(bearing_foreign_tag(assets, now)),
        "category": CATEGORIES.get(found.category, found.category),
        "tone": STATES[state].tone,
        "in_force": state in IN_FORCE,
        "settled": inside_a_sentence(state.label),
        **_open_to(found, request.user),
    }
    return render(request, "exceptions/case.html", context, status=status)


def _open_to(found: ExceptionRequest, user: User) -> dict[str, Any]:
    """What this person may do now; `why_not_decide` is said to leaders, who might have expected it."""
    moves, asked = STATES[S(found.state)].moves, found.requested_by_id == user.pk
    waits = S.APPROVED in moves
    why_not = allows(check_decide, found, user) if waits else ""
    return {
        "is_asker": asked,
        "can_decide": waits and not why_not,
        "why_not_decide": why_not if has_role(user, Role.APPROVER) and not asked else "",
        "can_revoke": S.REVOKED in moves and not allows(check_revoke, found, user),
        "can_withdraw": asked and S.WITHDRAWN in moves,
        "can_resubmit": asked and found.state == S.RETURNED,
    }


def _consequences(found: ExceptionRequest, assets: Sequence[Asset], now: datetime) -> Consequences | None:
    """None once the request is over: its days change nothing any more."""
    return teller().of(found, assets, now) if STATES[S(found.state)].moves and found.ends_at > now else None


def _tone(event: AuditEvent) -> str:
    return STATES[S(event.kind.removeprefix("exception."))].tone


def _deciders(found: ExceptionRequest) -> list[User]:
    """The people who could decide it now; empty when it waits for nobody."""
    if found.state != S.SUBMITTED:
        return []
    return approvers_of(found.kinds, without=found.requested_by)


def _approved(row: ExceptionRequest) -> str:
    if row.state == S.APPROVED:
        return f"Approved. The servers are left out from {full_day(row.from_date)} until {full_day(row.to_date)}."
    return f"Approved. The servers are left out from now until {full_day(row.to_date)}."


# What a button sends → the operation, and the sentence when it is done.
ACTS: dict[str, tuple[Callable[..., ExceptionRequest], Callable[[ExceptionRequest], str]]] = {
    "approve": (operations.approve, _approved),
    "approve_until": (operations.approve, _approved),
    "reject": (operations.reject, lambda row: f"Rejected. {row.requested_by.display_name} is told."),
    "return": (
        operations.return_for_rework,
        lambda row: f"Returned. {row.requested_by.display_name} is told what you ask for.",
    ),
    "revoke": (operations.revoke, lambda row: "Ended. This exception keeps no server out of a run any more."),
    "resubmit": (operations.resubmit, lambda row: "Sent again."),
    "withdraw": (operations.withdraw, lambda row: "Withdrawn. You can ask again at any time."),
}


@require_POST
def decide(request: SignedIn, pk: int) -> HttpResponse:
    read_grants_once(request.user)
    rows = ExceptionRequest.objects.visible_to(request.user).select_related("requested_by")
    found = get_object_or_404(rows, pk=pk)
    form = DecisionForm(found, request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=422)
    try:
        said = _act(found, request.POST.get("act", ""), form.cleaned_data, request.user)
    except Denied as refusal:
        fresh = ExceptionRequest.objects.select_related("requested_by").get(pk=pk)
        return _page(request, fresh, form, status=onto(form, refusal))
    messages.success(request, said)
    return redirect("exceptions:case", pk)


def _act(found: ExceptionRequest, act: str, typed: dict[str, Any], by: User) -> str:
    if act not in ACTS:
        raise Invalid("Choose what to do: approve, reject, return, withdraw or end it.", field="act")
    operation, said = ACTS[act]
    facts = {} if act == "withdraw" else {"reason": typed["reason"]}
    if act == "approve_until":
        facts["until"] = _given_day(typed["until"])
    return said(operation(request=found, by=by, now=timezone.now(), **facts))


def _given_day(day: date | None) -> date:
    if day is None:
        raise Invalid("Choose the last day on which the servers stay unpatched.", field="until")
    return day
