"""What patching adds to every page: its entries in the navigation, and the pause of all sending as a banner."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from patching.models import SendingPause
from patching.operations.pause import current
from portal.access.queries import has_role
from portal.access.states import Role
from portal.tones import Tone
from portal.web.chrome import Banner, Chrome, NavEntry
from portal.web.moments import moment_words


def entries(request: HttpRequest) -> list[NavEntry]:
    if not request.user.is_authenticated:
        return []
    found = [
        NavEntry("Tonight", "patching:tonight", order=10),
        NavEntry("Windows", "patching:windows", order=30),
        NavEntry("All runs", "patching:runs", section="Patching", order=35),
    ]
    if has_role(request.user, Role.ADMIN, Role.AUDITOR):
        found.append(NavEntry("Recurring faults", "patching:recurring", section="Patching", order=37))
        found.append(NavEntry("Audit of runs", "patching:audits", section="Patching", order=38))
    if is_admin(request) and pause_in_force(request) is None:
        found.append(NavEntry("Pause sending…", "patching:pause", order=95))
    return found


def banners(request: HttpRequest) -> list[Banner]:
    """The pause, on every page of everybody: whoever waits for a run reads why nothing happens."""
    pause = pause_in_force(request) if request.user.is_authenticated else None
    if pause is None:
        return []
    since = (
        moment_words(pause.since, zone=Chrome(request).zone, now=timezone.now())
        if pause.since
        else "just now"
    )
    text = f"All sending is paused: nothing is patched until it is resumed. {pause.by}, {since}: “{pause.reason}”"
    return [Banner(text, Tone.ATTENTION, "patching/_resume.html" if is_admin(request) else "")]


def is_admin(request: HttpRequest) -> bool:
    """Whether this reader is a patch admin; asked once per request."""
    if not hasattr(request, "_is_patch_admin"):
        request._is_patch_admin = has_role(request.user, Role.ADMIN)  # type: ignore[attr-defined]
    return bool(request._is_patch_admin)  # type: ignore[attr-defined]


def sees_all(request: HttpRequest) -> bool:
    """Whether this reader sees every server, not only some of their own."""
    return has_role(request.user, Role.ADMIN, Role.AUDITOR)


def pause_in_force(request: HttpRequest) -> SendingPause | None:
    """The pause in force, or None; asked once per request."""
    if not hasattr(request, "_sending_pause"):
        request._sending_pause = current()  # type: ignore[attr-defined]
    return request._sending_pause  # type: ignore[attr-defined]
