"""The bound of what strangers may post as a SAML answer, before anything reads it."""

from __future__ import annotations

from collections.abc import Callable

from allauth.core.internal import ratelimit
from django.http import HttpRequest, HttpResponse

from portal.sign_in import sign_ins
from portal.web.client_address import client_address
from portal.web.errors import error_answer

BELOW = "/accounts/saml/"
LARGEST_BYTES = 256 * 1024
TOO_LARGE = f"An answer to a sign-in holds at most {LARGEST_BYTES // 1024} KB. This one was not read."


class SmallAnswers:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(BELOW) or _is_small(request):
            return self.get_response(request)
        why = f"its body is larger than {LARGEST_BYTES:,} bytes, or does not say how large"
        sign_ins.refused("SAML", why, client_address(request), about="", network=ratelimit.get_ip(request))
        answer = error_answer(request, 413, "Too large", TOO_LARGE)
        answer.headers["Connection"] = "close"  # what was not read must not become the next request
        return answer


def _is_small(request: HttpRequest) -> bool:
    """Whether it says that it is; a web server hands on no more than was said."""
    said = request.META.get("CONTENT_LENGTH") or ("0" if request.method in {"GET", "HEAD"} else "")
    return said.isdigit() and int(said) <= LARGEST_BYTES and "HTTP_TRANSFER_ENCODING" not in request.META
