"""Answers that every page shares: refusals as pages, and sign-in that does not land inside a fragment."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from portal.access.rules import Conflict, Denied, Invalid
from portal.web.client_address import FORWARDED, is_trusted, peer
from portal.web.errors import error_answer

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
