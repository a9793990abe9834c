"""What no view has to remember: each refused act and each export leaves an audit event."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from portal.access.models import User
from portal.access.rules import Denied
from portal.audit import refused_acts
from portal.audit.exports import Export
from portal.web.csv_export import CsvAnswer
from portal.web.errors import NOT_ALLOWED, WRONG_ADDRESS
from portal.web.refusals import noted

Answer = Callable[[HttpRequest], HttpResponse]
READS = {"GET", "HEAD", "OPTIONS"}


class RefusedActs:
    """Whoever signed in and tried to change what they may not, or what is not there for them, is named.

    Bad input and lost races are no refusals: nobody was told that they may not.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with noted() as refusals:
            answer = self.get_response(request)
        for refusal in refusals:
            if type(refusal) is Denied:
                _note(request, str(refusal))
        return answer

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Runs before the exception becomes a page."""
        if type(exception) is Denied:
            _note(request, str(exception))
        elif isinstance(exception, PermissionDenied):
            _note(request, NOT_ALLOWED)
        elif isinstance(exception, Http404):
            _note(request, WRONG_ADDRESS)


def _note(request: HttpRequest, sentence: str) -> None:
    if request.method not in READS and isinstance(request.user, User):
        refused_acts.note(request, sentence, by=request.user)


class Exports:
    """Each CSV that somebody takes."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        if isinstance(answer, CsvAnswer) and isinstance(request.user, User):
            export = Export.of(request, answer.filename, by=request.user)
            export.begin()
            answer.streaming_content = export.pieces(answer, iter(answer))
        return answer
