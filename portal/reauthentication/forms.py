"""The forms by which somebody shows that it is them."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.core.internal import ratelimit
from django import forms
from django.core.exceptions import ValidationError

from portal.access.models import User
from portal.sign_in import sign_ins
from portal.web.client_address import client_address

WRONG = "This password is wrong."
TOO_MANY = "Too many passwords were wrong. Wait five minutes and try again."


class Password(forms.Form):
    password = forms.CharField(
        label="Your password", strip=False, max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **named: Any) -> None:
        super().__init__(*args, **named)
        self.user = user

    def clean_password(self) -> str:
        """Counts the try before the password is looked at."""
        usage = ratelimit.consume(
            context.request, app="allauth.account", action="reauthenticate", user=self.user
        )
        if usage is None:
            self._failed(sign_ins.TOO_MANY)
            raise ValidationError(TOO_MANY)
        if not self.user.check_password(self.cleaned_data["password"]):
            self._failed("they did not know the password before a dangerous act")
            raise ValidationError(WRONG)
        usage.rollback()
        return ""

    def _failed(self, why: str) -> None:
        request = context.request
        sign_ins.failed(self.user.username, why, client_address(request), network=ratelimit.get_ip(request))
