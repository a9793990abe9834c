from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.test import Client, RequestFactory

from portal.access.rules import Conflict, Denied, Invalid
from portal.web import errors
from portal.web.middleware import RefusalPages, SignInFromFragments


@pytest.fixture(autouse=True)
def no_navigation(settings: object) -> None:
    settings.PORTAL_NAV = settings.PORTAL_BANNERS = []  # type: ignore[attr-defined]


def request_for(path: str = "/", **headers: str) -> HttpRequest:
    request = RequestFactory().get(path, headers=headers)
    request.user = AnonymousUser()
    return request


def test_a_refusal_is_shown_in_its_own_words() -> None:
    answer = errors.forbidden(request_for(), PermissionDenied("Only the owner may ask."))
    assert answer.status_code == 403
    assert b"Only the owner may ask." in answer.content


def test_technical_words_are_kept_from_readers() -> None:
    answer = errors.bad_request(request_for(), Exception("KeyError_cursor"))
    assert b"KeyError_cursor" not in answer.content


def test_htmx_gets_one_toast_in_place_of_the_page() -> None:
    answer = errors.not_found(request_for("/", **{"HX-Request": "true"}))
    assert answer["HX-Retarget"] == "#toasts"
    assert answer["HX-Reswap"] == "innerHTML"
    assert b"<html" not in answer.content


def test_the_last_resort_page_needs_neither_request_nor_database() -> None:
    answer = errors.server_error(request_for())
    assert answer.status_code == 500
    assert b"Something broke" in answer.content


def test_an_act_that_broke_is_not_said_to_have_changed_nothing() -> None:
    act = RequestFactory().post("/")
    act.user = AnonymousUser()
    assert b"Nothing was changed" in errors.server_error(request_for()).content
    assert b"Look whether anything of it was done" in errors.server_error(act).content


@pytest.mark.parametrize(
    ("refusal", "status"),
    [(Denied("No, because."), 403), (Conflict("Ada was faster."), 409), (Invalid("Too late."), 400)],
)
def test_refusals_that_views_let_through_become_pages(refusal: Denied, status: int) -> None:
    answer = RefusalPages(lambda request: HttpResponse()).process_exception(request_for(), refusal)
    assert answer is not None
    assert answer.status_code == status
    assert str(refusal).encode() in answer.content


def test_other_errors_are_not_hidden() -> None:
    assert (
        RefusalPages(lambda request: HttpResponse()).process_exception(request_for(), KeyError("x")) is None
    )


def test_a_fragment_never_holds_the_sign_in_page() -> None:
    to_sign_in = SignInFromFragments(lambda request: HttpResponseRedirect("/accounts/login/?next=/"))
    answer = to_sign_in(request_for("/", **{"HX-Request": "true"}))
    assert (answer.status_code, answer["HX-Refresh"]) == (204, "true")
    assert to_sign_in(request_for()).status_code == 302


def test_the_theme_is_remembered_and_leads_nowhere_else() -> None:
    answer = Client().post("/theme/", {"theme": "dark", "next": "https://evil.example/"})
    assert answer["Location"] == "/"
    assert answer.cookies["theme"].value == "dark"


def test_the_gallery_is_for_debugging_only() -> None:
    assert Client().get("/design/").status_code == 404
