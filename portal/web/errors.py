"""Error pages that say what happened and where to go; short notes for requests that htmx makes."""

from __future__ import annotations

import sys

from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from portal.limits.budget import CROWDED_S, Budget, ran_out
from portal.tones import Tone
from portal.web.bundles import stylesheet_url
from portal.web.problem_json import is_for_a_program, problem

WRONG_ADDRESS = "There is no page at this address. It may have moved, or it may not be yours to see."
NOT_ALLOWED = "You may not see or do this. A patch admin can give you the role for it."
NOT_UNDERSTOOD = "The request could not be understood."
FORM_EXPIRED = (
    "This form was open for too long or came from another site. Go back, reload the page and send it again."
)
TOO_MANY = "Too many tries came from where you are. Wait five minutes and try again."
TOO_SLOW = (
    "It would have taken longer than {seconds:g} seconds, so it was stopped. "
    "Narrow it down, with a filter, fewer days or a longer search word, and open it again."
)
TOO_SLOW_ACT = (
    "It took longer than {seconds:g} seconds, so it was stopped and taken back. Look whether anything of it was done, "
    "then try again with fewer servers at once."
)
CROWDED = (
    "Others wait for long answers too, so this page had {seconds:g} second instead of {usual:g} and was stopped. "
    "Try again in a minute, or narrow it down with a filter, fewer days or a longer search word."
)
OUR_FAULT = "Something broke on our side. Nothing was changed by this page. Try again in a minute."
OUR_FAULT_ACT = (
    "Something broke on our side. Look whether anything of it was done, then try again in a minute."
)
# Django's own words for these name its settings, which are not the reader's.
TOO_MUCH = "The form holds more than the portal takes at once. Choose fewer servers or write less, and send it again."
WRONG_HOST = "The portal does not answer under this name. Use the address that your team gave you."
READING = ("GET", "HEAD")  # methods that change nothing
_SENTENCES: dict[type[Exception], str] = {
    DisallowedHost: WRONG_HOST,
    RequestDataTooBig: TOO_MUCH,
    TooManyFieldsSent: TOO_MUCH,
}


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_answer(request, 400, "This link does not work", _sentence(exception, NOT_UNDERSTOOD))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_answer(request, 403, "You may not do this", _sentence(exception, NOT_ALLOWED))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_answer(request, 404, "Nothing here", WRONG_ADDRESS)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_answer(request, 429, "Not so fast", TOO_MANY)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return error_answer(request, 403, "The form has expired", FORM_EXPIRED)


def server_error(request: HttpRequest) -> HttpResponse:
    error = sys.exc_info()[1]  # Django asks for this page while it handles the error
    if ran_out(error):
        return unavailable(request, out_of_time(request))
    sentence = OUR_FAULT if request.method in READING else OUR_FAULT_ACT
    # Rendered without the request: whatever broke may be what the page around it needs.
    if request.headers.get("HX-Request"):
        return _note(500, sentence)
    return _bare(request, 500, "Something broke", sentence)


def unavailable(request: HttpRequest, sentence: str, title: str = "This took too long") -> HttpResponse:
    """503 with the reason. Asks the database nothing: it has no time for that."""
    if request.headers.get("HX-Request"):
        return _note(503, sentence)
    return _bare(request, 503, title, sentence)


def out_of_time(request: HttpRequest) -> str:
    """Why a request was stopped, and the way out."""
    budget: Budget | None = getattr(request, "budget", None)
    seconds = budget.seconds if budget else 0
    if budget and budget.crowded:
        return CROWDED.format(seconds=CROWDED_S, usual=seconds)
    return (TOO_SLOW if request.method in READING else TOO_SLOW_ACT).format(seconds=seconds)


def _bare(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    if is_for_a_program(request):
        return problem(request, status, title, sentence)
    context = {"title": title, "status": status, "sentence": sentence, "stylesheet_url": stylesheet_url()}
    filtered = status == 503 and request.method == "GET" and request.META.get("QUERY_STRING")
    context["path"] = request.path if filtered else ""
    return HttpResponse(render_to_string("web/error_bare.html", context), status=status)


def error_answer(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    """The page, or for htmx one toast that replaces the last one, so that a failing poll does not pile up."""
    if request.headers.get("HX-Request"):
        return _note(status, sentence)
    if is_for_a_program(request):
        return problem(request, status, title, sentence)
    if not hasattr(request, "user"):  # refused before anybody could be recognised: there is no frame to draw
        return _bare(request, status, title, sentence)
    context = {"title": title, "sentence": sentence, "status": status}
    return render(request, "web/error.html", context, status=status)


def _note(status: int, sentence: str) -> HttpResponse:
    text = render_to_string("web/_toast.html", {"text": sentence, "tone": Tone.DANGER})
    return HttpResponse(text, status=status, headers={"HX-Retarget": "#toasts", "HX-Reswap": "innerHTML"})


def _sentence(exception: Exception | None, otherwise: str) -> str:
    """The refusal's own words where somebody wrote some; Django's technical ones are not for readers."""
    for kind, sentence in _SENTENCES.items():
        if isinstance(exception, kind):
            return sentence
    text = str(exception or "").strip()
    return text if text.endswith((".", "?", "!")) and " " in text else otherwise
