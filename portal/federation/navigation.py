"""The navigation entry of admins: how people sign in."""

from __future__ import annotations

from django.http import HttpRequest

from portal.access.queries import has_role, read_grants_once
from portal.access.states import Role
from portal.web.chrome import NavEntry


def entries(request: HttpRequest) -> list[NavEntry]:
    read_grants_once(request.user)
    if not has_role(request.user, Role.ADMIN):
        return []
    return [NavEntry("Sign-in", "federation:providers", section="Admin", order=81)]
