"""Who signs in with a password that an admin chose first chooses their own; and sessions end by their limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from portal.access.models import User
from portal.sign_in import sessions, sign_ins
from portal.web.client_address import client_address

CHOOSE = "account_change_password"
BROWSER_LENGTH = 200
# What that page needs, the other way to choose one, and the way out.
OPEN = {CHOOSE, "account_logout", "account_reset_password", "account_reset_password_done",
        "account_reset_password_from_key", "account_reset_password_from_key_done",
        "web:stylesheet", "web:script", "web:theme"}  # fmt: skip


class FirstChooseAPassword:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        if not getattr(request.user, "must_change_password", False) or _is_open(request):
            return None
        if request.headers.get("HX-Request"):  # it would paste the page into a table
            return HttpResponse(status=204, headers={"HX-Redirect": reverse(CHOOSE)})
        return redirect(CHOOSE)


def _is_open(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.view_name in OPEN


class SessionsEnd:
    """Ends a session that is over, by the limits of its person's roles."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and (why := _why_over(request)):
            return _signed_out(request, why)
        return self.get_response(request)


def begin_session(request: HttpRequest, user: User, **_: Any) -> None:
    """Of everybody who signs in, however they do."""
    sessions.begin(request.session, user, **_where(request), now=timezone.now())


def _why_over(request: HttpRequest) -> str:
    person, now = request.user, timezone.now()
    assert isinstance(person, User)
    if sessions.TIMES not in request.session:  # it is older than this rule
        begin_session(request, person)
    sessions.follow(request.session)
    if why := sessions.over(request.session, person, now=now):
        sessions.forget(request.session, person, why="it was over")
    elif request.method != "GET" or "HX-Request" not in request.headers:
        # A page that asks for its parts by itself shows nobody's presence.
        sessions.seen(request.session, **_where(request), now=now)
    return why


def _where(request: HttpRequest) -> dict[str, str]:
    agent = sign_ins.readable(request.headers.get("User-Agent", ""), BROWSER_LENGTH)
    return {"source": client_address(request), "browser": agent}


def _signed_out(request: HttpRequest, why: str) -> HttpResponse:
    wanted = request.get_full_path() if request.method == "GET" else ""
    logout(request)
    messages.info(request, why)
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Refresh": "true"})
    query = f"?{urlencode({'next': wanted})}" if wanted else ""
    return redirect(f"{reverse('account_login')}{query}")
