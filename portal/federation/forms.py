"""Forms of the rules of roles and of their try-out; what a rule may say is checked by the operations."""

from __future__ import annotations

import json
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django import forms
from django.conf import settings

from portal.access.states import Role
from portal.federation.claims import Claims, flat
from portal.federation.identity import LONGEST_SUBJECT
from portal.federation.refusal import Refused
from portal.people.forms import NARROW_FIRST

SAMPLE = '{"sub": "ana", "groups": ["payments-owners", "staff"]}'
LONGEST_SAMPLE = 100_000
SIGN_INS_OFFERED = 100
NO_ROLE = "none"


def _provider_choices() -> list[tuple[str, str]]:
    return [(provider.id, provider.name) for provider in settings.IDENTITY_PROVIDERS]


class RuleForm(forms.Form):
    provider = forms.ChoiceField(label="Said by", required=False)
    claim = forms.CharField(
        label="Claim", max_length=200, initial="groups",
        help_text="Where the provider writes the groups, e.g. groups, cognito:groups or realm_access.roles.",
    )  # fmt: skip
    value = forms.CharField(
        label="Group", max_length=500,
        help_text="Exactly as the provider writes it. One * stands for any text, e.g. *-owners.",
    )  # fmt: skip
    role = forms.ChoiceField(
        label="Gives the role", choices=[*Role.choices, (NO_ROLE, "No role, and no later rule counts")]
    )
    dimension = forms.ChoiceField(label="Of which servers", choices=NARROW_FIRST)
    scope = forms.CharField(
        label="Named", max_length=256, required=False,
        help_text="As the servers' tags say it; a * is what the * of the group stands for. Empty only for Everything.",
    )  # fmt: skip

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["provider"].choices = [("", "Any provider"), *_provider_choices()]  # type: ignore[attr-defined]

    def clean_role(self) -> str:
        """As a rule stores it."""
        role = str(self.cleaned_data["role"])
        return "" if role == NO_ROLE else role


class TryForm(forms.Form):
    """A real sign-in, or a sample that somebody pasted."""

    provider = forms.ChoiceField(label="As if said by", required=False)
    sign_in = forms.ChoiceField(
        label="A real sign-in",
        required=False,
        help_text="What the provider said of them when they last came.",
    )
    sample = forms.CharField(
        label="Or a sample of claims", required=False, max_length=LONGEST_SAMPLE,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "mono"}),
        help_text="A JSON object, as an ID token, userinfo or the attributes of a SAML answer hold it.",
    )  # fmt: skip

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        accounts = SocialAccount.objects.select_related("user").order_by("-last_login")[:SIGN_INS_OFFERED]
        self.accounts = {str(account.pk): account for account in accounts}
        self.fields["provider"].choices = _provider_choices()  # type: ignore[attr-defined]
        self.fields["sign_in"].choices = [  # type: ignore[attr-defined]
            ("", "None: the sample below"),
            *(
                (key, f"{account.user.display_name} ({account.uid})")
                for key, account in self.accounts.items()
            ),
        ]

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if account := self.accounts.get(said.get("sign_in", "")):
            return said | {"account": account, "claims": account.extra_data}
        if not said.get("sample", "").strip():
            raise forms.ValidationError("Choose a sign-in, or paste a sample of claims.")
        return said | {"account": None, "claims": self._parsed(said["sample"])}

    def _parsed(self, sample: str) -> Claims:
        try:
            found = json.loads(sample)
            if not isinstance(found, dict):
                raise ValueError("it is no object")
            return flat(found)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(
                {"sample": f"This is no JSON object: {error}. E.g. {SAMPLE}"}
            ) from error
        except Refused as refusal:
            raise forms.ValidationError(
                {"sample": f"A sign-in with this would be refused: {refusal.why}."}
            ) from refusal


class LinkForm(forms.Form):
    provider = forms.ChoiceField(label="Identity provider")
    subject = forms.CharField(
        label="Subject", max_length=LONGEST_SUBJECT,
        help_text="What the provider calls them for good. A sign-in that was refused names it in the audit trail.",
    )  # fmt: skip

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["provider"].choices = _provider_choices()  # type: ignore[attr-defined]
