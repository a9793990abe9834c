"""Template context of every page."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from portal.web.bundles import script_url, stylesheet_url
from portal.web.chrome import Chrome

# How htmx behaves on every page: no styles and no code of its own, no other site, and errors are shown too.
HTMX = {
    "includeIndicatorStyles": False,
    "allowEval": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,
    "scrollIntoViewOnBoost": False,
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "[45]..", "swap": True, "error": True},
    ],
}
# It stands between single quotes and holds none, so that its own need no escaping.
HTMX_CONFIG = SafeString(json.dumps(HTMX, separators=(",", ":")))


def chrome(request: HttpRequest) -> dict[str, Any]:
    """Adds `chrome` (navigation, banners, theme, zone) and the addresses of the css and js bundles."""
    return {
        "chrome": Chrome(request),
        "stylesheet_url": stylesheet_url,
        "script_url": script_url,
        "htmx_config": HTMX_CONFIG,
    }
