"""The page of signing in: allauth's, with the identity providers, and how to get in while nobody rules the portal."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from allauth.account.utils import get_next_redirect_url
from allauth.account.views import LoginView
from django.conf import settings

from portal.access.queries import an_admin_is_left


class LoginPage(LoginView):
    def get_context_data(self, **named: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().get_context_data(**named)
        providers, wanted = settings.IDENTITY_PROVIDERS, get_next_redirect_url(self.request) or ""
        return found | {
            "no_admin": not an_admin_is_left(),
            "providers": providers,
            "by_email": any(provider.domains for provider in providers) and len(providers) > 1,
            "next": wanted,
            "next_query": f"?{urlencode({'next': wanted})}" if wanted else "",
        }
