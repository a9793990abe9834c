"""What `manage.py check` and the start of the web server say of settings that do not fit together."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

NO_PROXY = (
    "PORTAL_URL is https, but TRUSTED_PROXIES names no proxy: the portal cannot tell http from https, so it neither "
    "redirects nor sends HSTS, and everybody shares the proxy's address in limits and logs."
)
NAME_IT = "Name the proxy that ends TLS, e.g. TRUSTED_PROXIES=10.0.0.5 (docs/front.md)."


@checks.register("security")
def tls_needs_a_proxy(**_: Any) -> list[checks.CheckMessage]:
    if settings.PORTAL_URL.startswith("https://") and not settings.TRUSTED_PROXIES:
        return [checks.Warning(NO_PROXY, hint=NAME_IT, id="portal.W001")]
    return []
