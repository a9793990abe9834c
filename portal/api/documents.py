"""The API's own description: for programs with a token, and as a page for people."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.document import document, operations
from portal.api.endpoint import Endpoint


class Schema(Endpoint):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """The OpenAPI document of what answers here."""
        return Response(document(), content_type="application/vnd.oai.openapi+json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    rows = [_shown(name, operation) for name, operation in operations(document())]
    return render(request, "api/docs.html", {"operations": rows})


def _shown(name: str, operation: dict[str, Any]) -> dict[str, Any]:
    method, _, path = name.partition(" ")
    parameters = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    return {"method": method, "path": path, "about": operation["description"], "parameters": parameters}
