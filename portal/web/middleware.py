"""Answers that every page shares: refusals as pages, and sign-in that does not land inside a fragment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import resolve_url

from portal.access.rules import Conflict, Denied, Invalid
from portal.limits.budget import Budget, Unavailable, ran_out, spending
from portal.limits.slow_pages import Turns
from portal.web.client_address import FORWARDED, is_trusted, peer
from portal.web.errors import error_answer, out_of_time, unavailable

NUL = "\x00"
NOT_NOW = "Not at this moment"
log = structlog.get_logger(__name__)
# Acts on thousands of servers in one transaction. Stopping a run must not be refused because it is large.
LARGE_ACTS = frozenset({
    "exceptions:ask", "exceptions:decide", "patching:cancel", "patching:enrol", "patching:halt", "patching:leave",
    "patching:retry", "patching:start-now", "patching:undo-enrol",
})  # fmt: skip
Answer = Callable[[HttpRequest], HttpResponse]


class OnlyTrustedProxies:
    """The first of all: what a stranger says on behalf of a proxy is thrown away before anybody reads it."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_trusted(peer(request)):
            for header in FORWARDED:
                request.META.pop(header, None)
        return self.get_response(request)


class NoNulCharacters:
    """Refuses NUL in an address, a field or a cookie: PostgreSQL stores none, and no person types one."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Before the session is looked up by a cookie.
        return self._refusal(request, _place_of_nul(request)) or self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        return self._refusal(request, _field_with_nul(request.POST))

    def _refusal(self, request: HttpRequest, place: str) -> HttpResponse | None:
        if not place:
            return None
        sentence = f"{place} holds a NUL character. Delete it and send the request again."
        return error_answer(request, 400, "This cannot be read", sentence)


def _place_of_nul(request: HttpRequest) -> str:
    """Where it stands, in words that begin a sentence; empty without one."""
    if NUL in request.path:
        return "The address"
    if any(NUL in value for value in request.COOKIES.values()):
        return "A cookie"
    return _field_with_nul(request.GET)


def _field_with_nul(fields: QueryDict) -> str:
    for name, values in fields.lists():
        if any(NUL in text for text in (name, *values)):
            return f"The field {name.replace(NUL, '')[:100]!r}"
    return ""


class RefusalPages:
    """Turns a `Denied` that a view lets through into a page (or toast) holding its sentence."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Conflict):
            return error_answer(request, 409, "Somebody was faster", str(exception))
        if isinstance(exception, Invalid):
            return error_answer(request, 400, "This cannot be saved", str(exception))
        if isinstance(exception, Denied):
            return error_answer(request, 403, "You may not do this", str(exception))
        return None


class RequestBudget:
    """No request holds a worker longer than REQUEST_SECONDS, whether its reader waits or not.

    Longer may take what LARGE_ACTS names, and an export (STREAMS in csv_export.py); each has a bound of its own.
    Pages that are slow for this person wait for each other (portal/limits/slow_pages.py).
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response, self._turns = get_response, Turns()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.budget = Budget(settings.REQUEST_SECONDS)  # type: ignore[attr-defined]
        with ExitStack() as request.turn, spending(request.budget):  # type: ignore[attr-defined]
            return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        if request.method == "POST" and match and match.view_name in LARGE_ACTS:
            request.budget.allow(settings.ACT_SECONDS, shared=False)  # type: ignore[attr-defined]
        elif request.method == "GET" and match and request.user.is_authenticated:
            page = (match.view_name, *sorted(request.GET), request.user.pk)
            try:
                request.turn.enter_context(self._turns.turn(page))  # type: ignore[attr-defined]
            except Unavailable as error:
                return unavailable(request, str(error), NOT_NOW)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if ran_out(exception):
            log.warning("request_out_of_time", path=request.path, method=request.method)
            return unavailable(request, out_of_time(request))
        if isinstance(exception, Unavailable):
            return unavailable(request, str(exception), NOT_NOW)
        return None


class SignInFromFragments:
    """htmx would follow the redirect to the sign-in page and paste it into a table: reload the page instead."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        if request.headers.get("HX-Request") and self._goes_to_sign_in(answer):
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        return answer

    def _goes_to_sign_in(self, answer: HttpResponse) -> bool:
        return answer.status_code == 302 and answer.get("Location", "").startswith(
            resolve_url(settings.LOGIN_URL)
        )
