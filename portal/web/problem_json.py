"""Refusals outside any view of the API, for programs: RFC 9457 in place of a page."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse

FOR_PROGRAMS = "/api/"
TYPE = "application/problem+json"


def is_for_a_program(request: HttpRequest) -> bool:
    return request.path.startswith(FOR_PROGRAMS)


def problem(request: HttpRequest, status: int, title: str, sentence: str) -> JsonResponse:
    """The answer with the sentence that a page would show."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": sentence,
        "instance": request.path,
    }
    return JsonResponse(body, status=status, content_type=TYPE)
