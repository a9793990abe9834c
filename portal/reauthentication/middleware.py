"""No dangerous act of a session that was not shown to be its person's a short while ago."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from portal.access.models import User
from portal.reauthentication.acts import READING, is_dangerous
from portal.reauthentication.held import hold, let_go
from portal.reauthentication.proof import is_fresh, prove
from portal.second_factor.middleware import BY_PROVIDER

SECOND_FACTOR = "mfa"  # as allauth notes it


class ShowThatItIsYou:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        if not request.user.is_authenticated or not is_dangerous(name, request.method):
            return None
        if is_fresh(request.session, now=timezone.now()):
            let_go(request.session, request.get_full_path())
            return None
        return _led_away(request, name)


def proven_by_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    """A password or a second factor was given just now. A provider's word may rest on a sign-in of days ago."""
    methods = {one.get("method") for one in get_authentication_records(request, user)}
    if BY_PROVIDER not in methods or SECOND_FACTOR in methods:
        prove(request.session, at=timezone.now())


def _led_away(request: HttpRequest, name: str) -> HttpResponse:
    where = reverse("reauthenticate")
    if request.method in READING:
        let_go(request.session)
        where = f"{where}?{urlencode({'next': request.get_full_path()})}"
    else:
        hold(request, name)
    if request.headers.get("HX-Request"):  # it would paste the page into a table
        return HttpResponse(status=204, headers={"HX-Redirect": where})
    return redirect(where)
