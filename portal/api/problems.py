"""Refusals as application/problem+json (RFC 9457): the page's sentence in `detail`, a pointer for each field."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from portal.access.rules import Conflict, Denied, Invalid
from portal.limits.budget import Unavailable, ran_out
from portal.web.errors import NOT_ALLOWED, out_of_time
from portal.web.problem_json import TYPE
from portal.web.refusals import note

NOT_THERE = "There is nothing at this address, or it is not yours to see."
Problem = dict[str, Any]


class BadParameter(Exception):
    """A parameter of the address that cannot be read: `errors` holds a sentence for each, by its name."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to whatever a view raised; None for what is our own fault, which the site's own answer tells."""
    request = context["request"]
    found = _problem(error, request)
    if found is None:
        return None
    if isinstance(error, Denied):
        note(error)
    headers = {}
    if wait := getattr(error, "wait", None):  # of Throttled
        headers["Retry-After"] = str(int(wait) + 1)
    if auth := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth
    status = found["status"]
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, **found, "instance": request.path}
    body["request_id"] = request_id()
    return Response(body, status=status, headers=headers, content_type=TYPE)


def request_id() -> str:
    """As it stands on each line of the log of this request."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def _problem(error: Exception, request: Any) -> Problem | None:
    if ran_out(error):
        return _said(503, out_of_time(request))
    if isinstance(error, Unavailable):
        return _said(503, str(error))
    if isinstance(error, BadParameter):
        errors = [{"parameter": name, "detail": said} for name, said in error.errors.items()]
        return _said(400, str(error)) | {"errors": errors}
    if isinstance(error, Denied):
        return _refusal(error)
    if isinstance(error, exceptions.ValidationError):
        errors = list(_pointed(error.detail))
        return _said(422, " ".join(one["detail"] for one in errors)) | {"errors": errors}
    if isinstance(error, exceptions.APIException):
        return _said(error.status_code, str(error.detail))
    if isinstance(error, Http404):
        return _said(404, NOT_THERE)
    return _said(403, NOT_ALLOWED) if isinstance(error, PermissionDenied) else None


def _refusal(error: Denied) -> Problem:
    if isinstance(error, Invalid):
        pointed = [{"pointer": f"#/{error.field}", "detail": str(error)}] if error.field else []
        return _said(422, str(error)) | {"errors": pointed}
    return _said(409 if isinstance(error, Conflict) else 403, str(error))


def _said(status: int, sentence: str) -> Problem:
    return {"status": status, "detail": sentence}


def _pointed(detail: Any, path: str = "#") -> Iterator[dict[str, str]]:
    """A pointer and a sentence for each refusal of a serializer, however deep."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            below = path if name == "non_field_errors" else f"{path}/{name}"
            yield from _pointed(inner, below)
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            nested = isinstance(inner, (dict, list))
            yield from _pointed(inner, f"{path}/{number}" if nested else path)
    else:
        name = path.removeprefix("#/")
        yield {"pointer": path, "detail": f"{name}: {detail}" if name != "#" else str(detail)}
