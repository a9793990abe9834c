"""The form's field for each kind of field that the policy has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms

from patching.policy.fields import Choice, Flag, Names, Number, PolicyField, Text, Waves


class Written(forms.CharField):
    """Text that the policy's field reads into its value, and writes again."""

    def __init__(self, one: Text | Names | Waves, **facts: Any) -> None:
        widget = forms.Textarea(attrs={"rows": one.rows}) if one.rows else forms.TextInput()
        super().__init__(max_length=one.longest, widget=widget, **facts)
        self.one = one

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return self.one.read(text)
        except ValueError as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else self.one.written(value)


class Figure(forms.IntegerField):
    """A whole number; left empty it is the default. Its limits are the rules', whose sentence lands on it."""

    def __init__(self, default: int, **facts: Any) -> None:
        super().__init__(**facts)
        self.default = default

    def clean(self, value: Any) -> int:
        number = super().clean(value)
        return self.default if number is None else int(number)


def _choice(one: Choice, default: Any, **facts: Any) -> forms.Field:
    return forms.TypedChoiceField(choices=list(one.choices.items()), empty_value=default, **facts)


def _written(one: Text | Names | Waves, default: Any, **facts: Any) -> forms.Field:
    return Written(one, **facts)


INPUTS: dict[type[PolicyField], Callable[..., forms.Field]] = {
    Choice: _choice,
    Number: lambda one, default, **facts: Figure(default, **facts),
    Flag: lambda one, default, **facts: forms.BooleanField(**facts),
    Text: _written,
    Names: _written,
    Waves: _written,
}


def field_of(one: PolicyField, default: Any) -> forms.Field:
    return INPUTS[type(one)](one, default, label=one.label, help_text=one.help, required=not one.optional)
