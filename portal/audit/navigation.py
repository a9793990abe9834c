"""The navigation entry of admins and auditors: the audit trail."""

from __future__ import annotations

from django.http import HttpRequest

from portal.access.queries import has_role, read_grants_once
from portal.access.states import Role
from portal.web.chrome import NavEntry


def entries(request: HttpRequest) -> list[NavEntry]:
    read_grants_once(request.user)
    if not has_role(request.user, Role.ADMIN, Role.AUDITOR):
        return []
    return [NavEntry("Audit", "audit:events", section="Admin", order=85)]
