"""Forms of people and grants; the rules live in the operations."""

from __future__ import annotations

from typing import Any

from django import forms

from portal.access.models import User
from portal.access.queries import people_with
from portal.access.states import Dimension, Role


class ChangePersonForm(forms.Form):
    name = forms.CharField(label="Name", max_length=200)
    email = forms.CharField(
        label="E-mail", max_length=254, required=False, widget=forms.EmailInput(),
        help_text="They sign in with it, and password links go there.",
    )  # fmt: skip


class PersonForm(forms.Form):
    name = forms.CharField(label="Name", max_length=200, help_text="As it stands beside what they do.")
    username = forms.CharField(label="User name", max_length=150)
    email = forms.CharField(label="E-mail", max_length=254, widget=forms.EmailInput())


class FirstAdminForm(forms.Form):
    name = forms.CharField(label="Your name", max_length=200, help_text="As it stands beside what you do.")
    username = forms.CharField(label="User name", max_length=150)
    email = forms.CharField(
        label="E-mail", max_length=254, required=False, widget=forms.EmailInput(),
        help_text="You can sign in with it, too.",
    )  # fmt: skip
    password = forms.CharField(
        label="Password", help_text="At least 12 characters.", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    again = forms.CharField(
        label="The password again", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip

    def clean_again(self) -> str:
        if self.cleaned_data["again"] != self.cleaned_data.get("password"):
            raise forms.ValidationError("The two passwords differ. Type both anew.")
        return str(self.cleaned_data["again"])


# The whole fleet is the last choice and never the one that stands there by itself.
NARROW_FIRST = sorted(Dimension.choices, key=lambda choice: choice[0] == Dimension.EVERYTHING)


class GrantForm(forms.Form):
    role = forms.ChoiceField(label="Role", choices=Role.choices)
    dimension = forms.ChoiceField(
        label="Of which servers", choices=NARROW_FIRST, initial=Dimension.APPLICATION
    )
    value = forms.CharField(
        label="Named", max_length=256, required=False, widget=forms.TextInput(attrs={"list": "names"}),
        help_text="Choose one that the servers have. Empty only for Everything.",
    )  # fmt: skip


class HandOverForm(forms.Form):
    to = forms.ChoiceField(label="To whom")

    def __init__(self, *args: Any, leaver: User, **named: Any) -> None:
        super().__init__(*args, **named)
        owners = [owner for owner in people_with(Role.OWNER) if owner != leaver]
        offered = [(str(owner.pk), owner.display_name) for owner in owners]
        self.fields["to"].choices = [("", "Choose an asset owner"), *offered]  # type: ignore[attr-defined]


class PeopleFilter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=200)
    role = forms.ChoiceField(label="Role", required=False, choices=[("", "Any"), *Role.choices])
    active = forms.ChoiceField(
        label="Sign-in", required=False, choices=[("", "Any"), ("1", "May sign in"), ("0", "Shut out")]
    )
