"""Navigation entries of exceptions: approvers see how many requests wait for them."""

from __future__ import annotations

from django.http import HttpRequest

from exceptions.queries import waiting_for
from portal.access.queries import has_role
from portal.access.states import Role
from portal.web.chrome import NavEntry


def entries(request: HttpRequest) -> list[NavEntry]:
    if not request.user.is_authenticated:
        return []
    found = [NavEntry("Exceptions", "exceptions:register", order=40)]
    if has_role(request.user, Role.APPROVER):
        waiting = waiting_for(request.user).count()
        found.append(NavEntry("Inbox", "exceptions:inbox", count=waiting, order=5))
    return found
