"""The OpenAPI document, read from the code that answers; docs/openapi.json is its committed copy."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `detail` is the sentence of the page; `errors` names each field or parameter.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "parameter": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


@cache
def document() -> dict[str, Any]:
    """Of every address of the API; the same for everybody. Made once by each process."""
    made: dict[str, Any] = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    return made


def text() -> str:
    """As it is committed."""
    return json.dumps(document(), indent=1, sort_keys=True) + "\n"


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Every operation may be refused, and always in one shape."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    shape = {"schema": {"$ref": "#/components/schemas/Problem"}}
    refused = {"description": "Refused, with the reason.", "content": {"application/problem+json": shape}}
    for _path, operation in operations(result):
        operation["responses"]["default"] = refused
    return result


def operations(made: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(`GET /api/v1/me`, the operation) of each, by path."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in sorted(made["paths"].items())
        for method, operation in methods.items()
    ]
