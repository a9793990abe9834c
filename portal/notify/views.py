"""What the reader was told, and the button that marks it read."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from portal.access.queries import read_grants_once
from portal.notify import operations
from portal.notify.models import Notification
from portal.web.paging import KeysetPager
from portal.web.requests import SignedIn

PAGER = KeysetPager(order=("-pk",))


@require_GET
def notifications(request: SignedIn) -> HttpResponse:
    """The reader's own, the newest first; `show=unread` leaves out what was read."""
    read_grants_once(request.user)
    mine = Notification.objects.filter(user=request.user)
    unread = mine.filter(read_at=None)
    only_unread = request.GET.get("show") == "unread"
    context = {
        "page": PAGER.page_of(request, unread if only_unread else mine),
        "unread": unread.count(),
        "only_unread": only_unread,
    }
    return render(request, "notify/notifications.html", context)


@require_POST
def mark_all_read(request: SignedIn) -> HttpResponse:
    count = operations.mark_read(by=request.user, now=timezone.now())
    messages.success(request, f"{count} marked as read." if count else "Nothing was unread.")
    return redirect("notify:list")
