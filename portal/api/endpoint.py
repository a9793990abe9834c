"""What every address of the API has: known parameters, an ETag, the rate, the id of the request."""

from __future__ import annotations

from typing import Any, ClassVar

from django.forms import Form
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from django.views.decorators.vary import vary_on_headers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.access.queries import read_grants_once
from portal.api.problems import BadParameter, request_id
from portal.api.rates import Rate

UNKNOWN = "There is no parameter {name!r} here; there are {known}."


@method_decorator(vary_on_headers("Authorization"), name="dispatch")
@method_decorator(conditional_page, name="dispatch")
class Endpoint(APIView):
    """`parameters`: what the address may ask for; anything else is refused, for a misspelt filter would find all."""

    parameters: ClassVar[tuple[str, ...]] = ()
    rate: Rate | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        read_grants_once(request.user)
        known = ", ".join(self.parameters) or "none"
        errors = {
            name[:100]: UNKNOWN.format(name=name[:100], known=known)
            for name in request.query_params
            if name not in self.parameters
        }
        if errors:
            raise BadParameter(errors)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        answer.headers["X-Request-ID"] = request_id()
        answer.headers["Cache-Control"] = "private, no-cache"
        for name, value in (self.rate.headers if self.rate else {}).items():
            answer.headers[name] = value
        return answer


def check_filter(form: Form) -> None:
    """Raises BadParameter with the form's own sentence for each field that cannot be read."""
    if not form.is_valid():
        raise BadParameter(
            {name: f"{name}: {' '.join(map(str, said))}" for name, said in form.errors.items()}
        )
