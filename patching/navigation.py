"""Navigation entries of patching."""

from __future__ import annotations

from django.http import HttpRequest

from portal.web.chrome import Banner, NavEntry


def entries(request: HttpRequest) -> list[NavEntry]:
    return []


def banners(request: HttpRequest) -> list[Banner]:
    return []
