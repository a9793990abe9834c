"""Whoever has a role that demands a second factor, and none, sets one up before anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from portal.access.models import User
from portal.second_factor.queries import demanding_roles, factors_of
from portal.sign_in.middleware import OPEN as OPEN_WITHOUT_PASSWORD

PAGE = "second_factor"
OPEN = OPEN_WITHOUT_PASSWORD | {
    PAGE,
    "reauthenticate",
    "reauthenticated",
    "second_factor_app",
    "second_factor_passkey",
}
HAS_ONE = "has_second_factor"  # in the session; whoever loses theirs by an admin loses their sessions, too
BY_PROVIDER = "socialaccount"  # as allauth notes it


class FirstSetUpASecondFactor:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        if (
            not request.user.is_authenticated
            or (match and match.view_name in OPEN)
            or not is_missing(request)
        ):
            return None
        if request.headers.get("HX-Request"):  # it would paste the page into a table
            return HttpResponse(status=204, headers={"HX-Redirect": reverse(PAGE)})
        return redirect(PAGE)


def is_missing(request: HttpRequest) -> bool:
    """Whether this person must set one up now. A provider that vouched for them asks for its own."""
    person = request.user
    assert isinstance(person, User)
    if request.session.get(HAS_ONE) or not demanding_roles(person) or _came_by_provider(request, person):
        return False
    if factors_of(person).exists():
        request.session[HAS_ONE] = True
        return False
    return True


def _came_by_provider(request: HttpRequest, person: User) -> bool:
    return any(one.get("method") == BY_PROVIDER for one in get_authentication_records(request, person))
