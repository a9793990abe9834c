"""Where a person is signed in, for themselves: a list, and the end of each."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from portal.sign_in import sessions
from portal.sign_in.models import OpenSession
from portal.web.requests import SignedIn

BY_THEMSELVES = "they ended it themselves"
# The most telling mark first.
BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {
    "Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Mac OS": "macOS", "Linux": "Linux",
}  # fmt: skip


def browser_words(agent: str) -> str:
    """E.g. `Firefox on Windows`, of what a browser calls itself; browsers also bear the names of those before them."""
    browser = next((name for mark, name in BROWSERS.items() if mark in agent), "Unknown browser")
    system = next((name for mark, name in SYSTEMS.items() if mark in agent), "")
    return f"{browser} on {system}" if system else browser


@require_GET
def own_sessions(request: SignedIn) -> HttpResponse:
    rows = sessions.of(request.user)
    context = {
        "sessions": [(row, browser_words(row.browser)) for row in rows],
        "here": request.session.session_key,
    }
    return render(request, "account/sessions.html", context)


@require_POST
def end_session(request: SignedIn, pk: int) -> HttpResponse:
    row = get_object_or_404(OpenSession.objects.select_related("person"), pk=pk, person=request.user)
    here = row.session_key == request.session.session_key
    sessions.end(row, by=request.user, why=BY_THEMSELVES)
    if here:
        return redirect("account_login")
    messages.success(request, "That browser is signed out.")
    return redirect("own_sessions")
