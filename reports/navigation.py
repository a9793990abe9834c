"""Navigation entries of the joining pages."""

from __future__ import annotations

from django.http import HttpRequest

from portal.access.queries import has_role
from portal.access.states import Role
from portal.web.chrome import NavEntry


def entries(request: HttpRequest) -> list[NavEntry]:
    if not request.user.is_authenticated:
        return []
    fleet = has_role(request.user, Role.ADMIN, Role.AUDITOR)
    return [
        NavEntry("Servers" if fleet else "My servers", "reports:my-servers", order=10),
        NavEntry("Reports", "reports:finished", order=50),
    ]
