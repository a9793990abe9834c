"""The API's library, as the portal uses it. portal/settings.py takes them all."""

from __future__ import annotations

from typing import Any

API_REQUESTS_A_MINUTE = 600  # of one token
API_APPS = ["rest_framework", "drf_spectacular", "portal.tokens", "portal.api"]
REST_FRAMEWORK: dict[str, Any] = {
    # A browser's session counts for nothing here: no other site can make a reader's browser act.
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.api.authentication.BearerToken"],
    "DEFAULT_PERMISSION_CLASSES": ["portal.api.authentication.TokenAllowsThis"],
    "DEFAULT_THROTTLE_CLASSES": ["portal.api.rates.PerToken"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsing.StrictJson"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.problems.answer",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Patch Portal",
    "VERSION": "1",
    "DESCRIPTION": (
        "What the pages show and do, for programs. Each answer is narrowed to what the token's person may see; each "
        "refusal is application/problem+json (RFC 9457) with the sentence of the page in `detail`."
    ),
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": True,
    "AUTHENTICATION_WHITELIST": [],
    "APPEND_COMPONENTS": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.api.document.with_problems",
    ],
    "SECURITY": [{"token": []}],
}
