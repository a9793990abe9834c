"""The page of signing in: allauth's, which also says how to get in while nobody rules the portal."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView

from portal.access.queries import an_admin_is_left


class LoginPage(LoginView):
    def get_context_data(self, **named: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().get_context_data(**named)
        return found | {"no_admin": not an_admin_is_left()}
