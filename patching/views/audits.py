"""The nightly audit of runs, for admins and auditors."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from patching.models import RunAudit
from patching.navigation import is_admin
from patching.operations.audits import audit_runs
from patching.views.reading import reads
from portal.access.rules import check_role
from portal.access.states import Role
from portal.web.paging import KeysetPager
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("-checked_at", "-pk"))


@reads
def audits(request: SignedIn) -> HttpResponse:
    check_role(request.user, Role.ADMIN, Role.AUDITOR)
    page = PAGER.page_of(request, RunAudit.objects.all())
    last = RunAudit.objects.first()
    context = {"page": page, "last": last, "total": RunAudit.objects.count(), "admin": is_admin(request)}
    return render(request, "patching/audits.html", context)


@require_POST
def audit_now(request: SignedIn) -> HttpResponse:
    """Checks at once instead of tonight."""
    check_role(request.user, Role.ADMIN)
    done = audit_runs(now=timezone.now())
    messages.success(request, f"{done.runs:,} runs were checked.")
    return redirect("patching:audits")
