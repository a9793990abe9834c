"""Answers that every page shares: refusals as pages, and sign-in that does not land inside a fragment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from portal.access.rules import Conflict, Denied, Invalid
from portal.limits.budget import Budget, Unavailable, ran_out, spending
from portal.web.errors import error_answer, out_of_time, unavailable

log = structlog.get_logger(__name__)
# Acts on thousands of servers in one transaction. Stopping a run must not be refused because it is large.
LARGE_ACTS = frozenset({
    "exceptions:ask", "exceptions:decide", "patching:cancel", "patching:enrol", "patching:halt", "patching:leave",
    "patching:retry", "patching:start-now", "patching:undo-enrol",
})  # fmt: skip
Answer = Callable[[HttpRequest], HttpResponse]


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
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.budget = Budget(settings.REQUEST_SECONDS)  # type: ignore[attr-defined]
        with spending(request.budget):  # type: ignore[attr-defined]
            return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        match = request.resolver_match
        if request.method == "POST" and match and match.view_name in LARGE_ACTS:
            request.budget.allow(settings.ACT_SECONDS, shared=False)  # type: ignore[attr-defined]

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if ran_out(exception):
            log.warning("request_out_of_time", path=request.path, method=request.method)
            return unavailable(request, out_of_time(request))
        if isinstance(exception, Unavailable):
            return unavailable(request, str(exception), "Not at this moment")
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
