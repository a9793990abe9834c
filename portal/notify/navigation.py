"""Everybody's navigation entry: their own notifications."""

from __future__ import annotations

from django.http import HttpRequest

from portal.notify.models import Notification
from portal.web.chrome import NavEntry

MOST_SHOWN = 99


def entries(request: HttpRequest) -> list[NavEntry]:
    if not request.user.is_authenticated:
        return []
    unread = Notification.objects.filter(user=request.user, read_at=None)[:MOST_SHOWN].count()
    return [NavEntry("Notifications", "notify:list", count=unread, section="You", order=60)]
