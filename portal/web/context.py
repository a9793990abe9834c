"""Template context of every page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from portal.web.bundles import script_url, stylesheet_url
from portal.web.chrome import Chrome


def chrome(request: HttpRequest) -> dict[str, Any]:
    """Adds `chrome` (navigation, banners, theme, zone) and the addresses of the css and js bundles."""
    return {"chrome": Chrome(request), "stylesheet_url": stylesheet_url, "script_url": script_url}
