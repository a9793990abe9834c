"""Navigation entries of admins and auditors: accounts and coverage."""

from __future__ import annotations

from django.http import HttpRequest

from portal.access.queries import has_role, read_grants_once
from portal.access.states import Role
from portal.web.chrome import NavEntry


def entries(request: HttpRequest) -> list[NavEntry]:
    read_grants_once(request.user)
    found = []
    if has_role(request.user, Role.ADMIN, Role.AUDITOR):
        found.append(NavEntry("Coverage", "inventory:coverage", section="Admin", order=70))
    if has_role(request.user, Role.ADMIN):
        found.append(NavEntry("Accounts", "inventory:accounts", section="Admin", order=75))
    return found
