"""Forms of second factors. Those of a sign-in are called by allauth, which hands in the person."""

from __future__ import annotations

import json
from typing import Any

from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth
from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from portal.second_factor import operations, tries
from portal.second_factor.adapter import NOT_PROVEN

LONGEST_CODE, LONGEST_CREDENTIAL, LONGEST_NAME = 64, 100_000, 60
WRONG = "This code is wrong, or it was used already. Give the app's next one, or a recovery code."
# What the libraries raise at an answer that no browser gave.
NONSENSE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)


def code_field(label: str, help_text: str = "") -> forms.CharField:
    widget = forms.TextInput(
        attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
    )
    return forms.CharField(label=label, max_length=LONGEST_CODE, widget=widget, help_text=help_text)


class Credential(forms.CharField):
    """What a browser says of a passkey, as JSON; anything but an object is no such answer."""

    def __init__(self) -> None:
        super().__init__(
            widget=forms.HiddenInput, max_length=LONGEST_CREDENTIAL, error_messages={"required": NOT_PROVEN}
        )

    def clean(self, value: Any) -> dict[str, Any]:
        try:
            found = json.loads(super().clean(value))
        except NONSENSE:
            raise ValidationError(NOT_PROVEN) from None
        if not isinstance(found, dict):
            raise ValidationError(NOT_PROVEN)
        return found


class Code(AuthenticateForm):
    code = code_field("Code of your app, or a recovery code")

    def clean_code(self) -> str:
        usage = tries.count(context.request, self.user)
        code = str(self.cleaned_data["code"])
        found = operations.accept(person=self.user, code=code, now=timezone.now())
        if found is None:
            tries.failed(context.request, self.user)
            raise ValidationError(WRONG)
        usage.rollback()
        found.user = self.user
        self.authenticator = found
        return code


class Passkey(AuthenticateWebAuthnForm):
    credential = Credential()

    def clean_credential(self) -> Authenticator:
        usage = tries.count(context.request, self.user)
        try:
            found = auth.complete_authentication(self.user, self.cleaned_data["credential"])
        except (*NONSENSE, ValidationError):
            tries.failed(context.request, self.user)
            raise ValidationError(NOT_PROVEN) from None
        usage.rollback()
        return found


class NewApp(forms.Form):
    code = code_field("The code that the app shows", "Six digits, new every 30 seconds.")


class NewPasskey(forms.Form):
    name = forms.CharField(
        label="Name of the passkey",
        max_length=LONGEST_NAME,
        help_text="E.g. the phone or the key that holds it.",
    )
    credential = Credential()

    def clean_credential(self) -> dict[str, Any]:
        """As the browser made it for the challenge of this session."""
        credential: dict[str, Any] = self.cleaned_data["credential"]
        try:
            auth.complete_registration(credential)
        except (*NONSENSE, ValidationError):
            raise ValidationError(NOT_PROVEN) from None
        return credential
