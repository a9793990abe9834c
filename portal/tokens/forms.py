"""The form of a new token; what it may be is said by rules.py."""

from __future__ import annotations

from typing import Any

from django import forms

from portal.access.models import Grant, User
from portal.access.words import right_words
from portal.tokens.operations import Wish
from portal.tokens.rules import LONGEST


class TokenForm(forms.Form):
    name = forms.CharField(label="What it is for", max_length=100, help_text="E.g. nightly report.")
    right = forms.ChoiceField(label="With which of your rights", required=False)
    may_act = forms.ChoiceField(
        label="It may", choices=[("", "Only read"), ("1", "Read and act")], required=False
    )
    days = forms.IntegerField(label="Days that it lasts", initial=90, min_value=1, max_value=LONGEST.days)
    networks = forms.CharField(
        label="Only from these networks", required=False, max_length=2000,
        help_text="E.g. 192.0.2.0/24, separated by commas. Empty: from anywhere.",
    )  # fmt: skip

    def __init__(self, person: User, *args: Any) -> None:
        super().__init__(*args)
        self._own = {str(grant.pk): grant for grant in person.grants.all()}
        words = {key: right_words(one.role, one.dimension, one.value) for key, one in self._own.items()}
        choices = [(key, f"{said[0].upper()}{said[1:]}") for key, said in words.items()]
        self.fields["right"].choices = [("", "All that I have"), *choices]  # type: ignore[attr-defined]

    @property
    def wish(self) -> Wish:
        said = self.cleaned_data
        right: Grant | None = self._own.get(said["right"])
        return Wish(said["name"], said["days"], bool(said["may_act"]), right, said["networks"])
