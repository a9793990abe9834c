"""Forms of accounts and of the coverage list; the rules live in the operations."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from portal.inventory.models import Account
from portal.inventory.states import Coverage

MAX_REGIONS = 40


class AccountForm(forms.Form):
    account_id = forms.CharField(
        label="Account id", max_length=20, widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        help_text="12 digits, as AWS shows it in the upper right corner.",
    )  # fmt: skip
    name = forms.CharField(label="Name", max_length=100, required=False, help_text="As your people call it.")
    role_name = forms.CharField(
        label="Role", max_length=64, help_text="The role in that account that the portal enters."
    )
    regions = forms.CharField(
        label="Regions",
        max_length=1000,
        help_text="With commas or spaces between, e.g. eu-central-1, us-east-1.",
    )
    active = forms.BooleanField(
        label="Read this account", required=False, initial=True,
        help_text="Without it no new server of this account is found and no run is made for it.",
    )  # fmt: skip

    def __init__(self, *args: Any, account: Account | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["account_id" if account else "active"]

    @staticmethod
    def initial_of(account: Account) -> dict[str, Any]:
        return {
            "name": account.name,
            "role_name": account.role_name,
            "regions": ", ".join(account.regions),
            "active": account.active,
        }

    def clean_account_id(self) -> str:
        """Console and letters group the digits with blanks or dashes."""
        return re.sub(r"[\s-]", "", self.cleaned_data["account_id"])

    def clean_regions(self) -> list[str]:
        regions = list(dict.fromkeys(re.split(r"[\s,;]+", self.cleaned_data["regions"].strip(" ,;").lower())))
        if len(regions) > MAX_REGIONS:
            raise forms.ValidationError(f"{len(regions)} regions are too many; {MAX_REGIONS} fit.")
        return [region for region in regions if region]


class CoverageFilter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=200)
    reason = forms.ChoiceField(label="Reason", required=False, choices=[("", "Any"), *Coverage.choices])
    application = forms.CharField(label="Application", required=False, max_length=256)
    owner = forms.CharField(label="Owner", required=False, max_length=256)
    account = forms.CharField(label="Account id", required=False, max_length=12)
    region = forms.CharField(label="Region", required=False, max_length=32)
