"""The audit of runs, for admins and auditors: what the last one found, and how far the one under way is."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from patching.models import RunAudit
from patching.navigation import is_admin
from patching.operations.audits import ask, under_way
from patching.states import AUDIT_OVER, AuditState
from patching.views.reading import reads
from portal.access.rules import check_role
from portal.access.states import Role
from portal.sentences import counted
from portal.web.paging import KeysetPager
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("-checked_at", "-pk"))


@reads
def audits(request: SignedIn) -> HttpResponse:
    """The page; asked by htmx for its progress alone, only that, or to load it anew when the audit is over."""
    check_role(request.user, Role.ADMIN, Role.AUDITOR)
    current = under_way().select_related("asked_by").first()
    if request.headers.get("HX-Target") == "audit-progress":
        if current is None:
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return render(request, "patching/_audit_progress.html", {"current": current})
    over = RunAudit.objects.filter(state__in=AUDIT_OVER)
    context = {
        "page": PAGER.page_of(request, over),
        "last": over.filter(state=AuditState.DONE).first(),
        "failed": getattr(over.first(), "state", "") == AuditState.FAILED,
        "total": over.count(),
        "current": current,
        "admin": is_admin(request),
    }
    return render(request, "patching/audits.html", context)


@require_POST
def audit_now(request: SignedIn) -> HttpResponse:
    """Asks for an audit at once instead of tonight; a worker makes it."""
    audit, new = ask(by=request.user, now=timezone.now())
    asked = f"{counted(audit.runs, 'run')} will be checked, beginning within seconds."
    said = asked if new else "The runs are being checked already."
    messages.success(request, said)
    return redirect("patching:audits")
