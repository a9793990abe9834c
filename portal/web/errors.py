"""Error pages that say what happened and where to go; short notes for requests that htmx makes."""

from __future__ import annotations

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from portal.web.bundles import stylesheet_url

WRONG_ADDRESS = "There is no page at this address. It may have moved, or it may not be yours to see."
NOT_ALLOWED = "You may not see or do this. A patch admin can give you the role for it."
NOT_UNDERSTOOD = "The request could not be understood."
WRONG_HOST = "The portal does not answer to this name. Use the address that you were given."
FORM_EXPIRED = (
    "This form was open for too long or came from another site. Go back, reload the page and send it again."
)
TOO_MANY = "Too many tries came from where you are. Wait five minutes and try again."
OUR_FAULT = "Something broke on our side. Nothing was changed by this page; try again in a minute."


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    wrong_host = isinstance(exception, DisallowedHost)
    sentence = WRONG_HOST if wrong_host else _sentence(exception, NOT_UNDERSTOOD)
    return error_answer(request, 400, "This link does not work", sentence)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_answer(request, 403, "You may not do this", _sentence(exception, NOT_ALLOWED))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_answer(request, 404, "Nothing here", WRONG_ADDRESS)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_answer(request, 429, "Not so fast", TOO_MANY)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_answer(request, 403, "The form has expired", FORM_EXPIRED)


def server_error(request: HttpRequest) -> HttpResponse:
    # Rendered without the request: whatever broke may be what the page around it needs.
    if request.headers.get("HX-Request"):
        return _note(500, OUR_FAULT)
    return _bare_page(500, "Something broke", OUR_FAULT)


def error_answer(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    """The page, or for htmx one toast that replaces the last one, so that a failing poll does not pile up."""
    if request.headers.get("HX-Request"):
        return _note(status, sentence)
    if not hasattr(
        request, "user"
    ):  # refused before anybody asked who it is, e.g. for the name of a foreign host
        return _bare_page(status, title, sentence)
    context = {"title": title, "sentence": sentence, "status": status}
    return render(request, "web/error.html", context, status=status)


def _bare_page(status: int, title: str, sentence: str) -> HttpResponse:
    context = {"status": status, "title": title, "sentence": sentence, "stylesheet_url": stylesheet_url()}
    return HttpResponse(render_to_string("web/error_bare.html", context), status=status)


def _note(status: int, sentence: str) -> HttpResponse:
    text = render_to_string("web/_toast.html", {"text": sentence, "meaning": "bad"})
    return HttpResponse(text, status=status, headers={"HX-Retarget": "#toasts", "HX-Reswap": "innerHTML"})


def _sentence(exception: Exception | None, otherwise: str) -> str:
    """The refusal's own words where somebody wrote some; Django's technical ones are not for readers."""
    text = str(exception or "").strip()
    return text if text.endswith((".", "?", "!")) and " " in text else otherwise
