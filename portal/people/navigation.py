"""The navigation entry of admins: people; and for who has no role yet, whom to ask."""

from __future__ import annotations

from django.http import HttpRequest

from portal.access.queries import has_role, people_with, read_grants_once
from portal.access.states import Role
from portal.web.chrome import Banner, NavEntry


def entries(request: HttpRequest) -> list[NavEntry]:
    read_grants_once(request.user)
    if not has_role(request.user, Role.ADMIN):
        return []
    return [NavEntry("People", "people:list", section="Admin", order=80)]


NAMED = 3


def banners(request: HttpRequest) -> list[Banner]:
    """On each page of a person without any role."""
    read_grants_once(request.user)
    if not request.user.is_authenticated or has_role(request.user, *Role):
        return []
    names = [f"{admin.display_name} ({admin.email})" if admin.email else admin.display_name
             for admin in people_with(Role.ADMIN)[:NAMED]]  # fmt: skip
    whom = (
        f"Ask a patch admin for one: {', '.join(names)}." if names else "Ask whoever runs the portal for one."
    )
    return [Banner(f"You have no role yet, so you see no servers. {whom}")]
