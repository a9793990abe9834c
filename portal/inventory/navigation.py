"""Navigation entries of admins and auditors, and everybody's notifications."""

from __future__ import annotations

from django.http import HttpRequest

from portal.access.queries import has_role, read_grants_once
from portal.access.states import Role
from portal.notify.models import Notification
from portal.web.chrome import NavEntry

MOST_SHOWN = 99


def entries(request: HttpRequest) -> list[NavEntry]:
    if not request.user.is_authenticated:
        return []
    read_grants_once(request.user)
    unread = Notification.objects.filter(user=request.user, read_at=None)[:MOST_SHOWN].count()
    found = [NavEntry("Notifications", "inventory:notifications", count=unread, section="You", order=60)]
    if has_role(request.user, Role.ADMIN, Role.AUDITOR):
        found += [
            NavEntry("Coverage", "inventory:coverage", section="Admin", order=70),
            NavEntry("Audit", "inventory:audit", section="Admin", order=85),
        ]
    if has_role(request.user, Role.ADMIN):
        found += [
            NavEntry("Accounts", "inventory:accounts", section="Admin", order=75),
            NavEntry("People", "inventory:people", section="Admin", order=80),
        ]
    return found
