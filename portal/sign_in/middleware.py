"""Who signs in with a password that an admin chose gets no further than the page where they choose their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

CHOOSE = "account_change_password"
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
