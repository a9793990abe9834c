"""Pages of the frame itself: the choice of theme, and the gallery of components."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from portal.web.chrome import THEME_COOKIE, THEMES
from portal.web.gallery import samples

A_YEAR = 365 * 24 * 3600


@login_not_required
@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remembers light, dark or the system's choice in a cookie, and goes back to the page it was made on."""
    theme = request.POST.get("theme", "")
    back = request.POST.get("next", "/")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    answer = HttpResponseRedirect(back if safe else "/")
    if theme in THEMES:
        answer.set_cookie(THEME_COOKIE, theme, max_age=A_YEAR, samesite="Lax", httponly=True)
    return answer


@login_not_required
def design(request: HttpRequest) -> HttpResponse:
    """Every component on one page; only while debugging."""
    if not settings.DEBUG:
        raise Http404
    return render(request, "web/design.html", samples())
