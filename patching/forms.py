"""Forms of patching; the rules live in the operations, whose sentences land on the fields."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any
from zoneinfo import available_timezones

from django import forms

from patching.models import Window
from patching.policy.fields import PolicyField, about, plain
from patching.policy.run_policy import RunPolicy
from patching.policy_inputs import field_of
from patching.window_facts import DAYS, FREQUENCIES, LABELS, POSITIONS, WindowFacts
from portal.calendar.recurrence import Recurrence


class ReasonForm(forms.Form):
    """One reason, asked before something that others will wonder about."""

    reason = forms.CharField(label="Reason", max_length=300, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, hint: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = hint
        self.fields["reason"].error_messages["required"] = "Write a reason."


class WindowForm(forms.Form):
    name = forms.CharField(
        label=LABELS["name"], max_length=100, help_text="As people say it, e.g. Saturday production."
    )
    slug = forms.CharField(
        label=LABELS["slug"], max_length=60, required=False,
        help_text="What the tag PatchWindow says. Empty: made of the name. It stays as it is from then on.",
    )  # fmt: skip
    description = forms.CharField(
        label=LABELS["description"], required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Owners read it when they choose.",
    )  # fmt: skip
    frequency = forms.ChoiceField(
        label=LABELS["frequency"],
        choices=list(FREQUENCIES.items()),
        widget=forms.RadioSelect,
    )
    weekday = forms.TypedChoiceField(label=LABELS["weekday"], coerce=int, choices=list(enumerate(DAYS)))
    nth = forms.TypedChoiceField(
        label=LABELS["nth"], coerce=int, empty_value=None, required=False,
        choices=[("", "Not monthly"), *POSITIONS.items()], help_text="Only for a monthly window.",
    )  # fmt: skip
    start_time = forms.TimeField(
        label=LABELS["start_time"], widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    time_zone = forms.CharField(
        label=LABELS["time_zone"],
        max_length=64,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
    )
    duration_minutes = forms.IntegerField(
        label=LABELS["duration_minutes"], help_text="15 minutes to 24 hours."
    )
    cutoff_minutes = forms.IntegerField(
        label=LABELS["cutoff_minutes"],
        help_text="Nothing is sent after it, so that everything is over in time.",
    )
    policy_fields: dict[str, PolicyField]

    def __init__(self, *args: Any, offered: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.policy_fields = {name: one for name, one in about(RunPolicy).items() if one.card}
        self.fields |= {name: field_of(one, _default(name)) for name, one in self.policy_fields.items()}
        if offered:  # enrolled servers bear the tag value, so it stays
            del self.fields["slug"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("frequency") == "weekly":
            cleaned["nth"] = None
        return cleaned

    @staticmethod
    def zones() -> list[str]:
        return sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))

    def cards(self) -> list[tuple[str, bool, list[tuple[bool, list[forms.BoundField]]]]]:
        """The policy's fields as the page sets them out.

        (card's title, whether one of its fields is refused, [(whole width, fields beside each other)])
        """
        named = [(one, self[name]) for name, one in self.policy_fields.items()]
        titles = dict.fromkeys(one.card for one, _ in named)
        return [_card(title, [pair for pair in named if pair[0].card == title]) for title in titles]

    def refuses_details(self) -> bool:
        """Whether one of the fields is refused that the page folds away."""
        return bool({"slug", "description", "cutoff_minutes"} & set(self.errors))

    def schedule(self) -> Recurrence:
        values = self.cleaned_data
        return Recurrence(
            values["frequency"], values["weekday"], values["nth"], values["start_time"], values["time_zone"]
        )

    def facts(self, policy: Mapping[str, Any]) -> WindowFacts:
        """The valid values as the operations take them; `policy` are the window's figures before."""
        values = self.cleaned_data
        chosen = {**policy, **{name: values[name] for name in self.policy_fields}}
        return WindowFacts(
            name=values["name"],
            schedule=self.schedule(),
            duration_minutes=values["duration_minutes"],
            cutoff_minutes=values["cutoff_minutes"],
            policy=_without_defaults(chosen),
            description=values["description"],
            slug=values.get("slug", ""),
        )

    @staticmethod
    def initial_of(window: Window | None, zone: str) -> dict[str, Any]:
        policy = window.run_policy if window else RunPolicy()
        figures = {name: getattr(policy, name) for name in about(policy)}
        if window is None:
            return figures | {"frequency": "weekly", "weekday": 5, "start_time": "22:00", "time_zone": zone,
                              "duration_minutes": 240, "cutoff_minutes": 60}  # fmt: skip
        return figures | {name: getattr(window, name) for name in WindowForm.base_fields}


def _default(name: str) -> Any:
    return getattr(RunPolicy(), name)


def _without_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Figures that are the default are not stored."""
    defaults = {name: plain(value) for name, value in RunPolicy().to_json().items()}
    return {name: value for name, value in values.items() if value != defaults.get(name)}


def _card(
    title: str, named: list[tuple[PolicyField, forms.BoundField]]
) -> tuple[str, bool, list[tuple[bool, list[forms.BoundField]]]]:
    return title, any(bound.errors for _, bound in named), _rows(named)


def _rows(named: list[tuple[PolicyField, forms.BoundField]]) -> list[tuple[bool, list[forms.BoundField]]]:
    """Neighbours that do not need the whole width share a row."""
    return [
        (wide, [bound for _, bound in row]) for wide, row in groupby(named, key=lambda pair: pair[0].wide)
    ]


class ExtendForm(ReasonForm):
    minutes = forms.IntegerField(
        label="Minutes later", initial=30, help_text="1 to 240. The end moves along where it must."
    )
    field_order = ("minutes", "reason")
