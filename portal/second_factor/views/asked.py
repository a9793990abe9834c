"""The second step of a sign-in, after the password."""

from __future__ import annotations

import json
from typing import Any

from allauth.mfa.base.views import AuthenticateView
from django.http import HttpResponse

from portal.second_factor.adapter import takes_passkeys
from portal.second_factor.queries import Kind, factors_of


class Asked(AuthenticateView):
    """allauth's, which lets nobody in who was not asked for it just now."""

    template_name = "account/second_factor_asked.html"

    def get_context_data(self, **named: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().get_context_data(**named)
        kinds = {factor.type for factor in factors_of(self.stage.login.user)}
        options = found.get("js_data", {}).get("request_options", {}).get("publicKey")
        return found | {
            "has_passkey": Kind.WEBAUTHN in kinds and takes_passkeys(),
            "has_app": Kind.TOTP in kinds,
            "options": json.dumps(options),
        }

    def form_invalid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_invalid(form)
        answer.status_code = 422
        return answer
