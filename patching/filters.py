"""Filters of the lists of patching: what the address may ask for."""

from __future__ import annotations

from django import forms
from django.db.models import Q, QuerySet

from patching.models import Run, Target
from patching.standing import Group, verdict_choices
from patching.states import RunState, TargetState


def groups() -> list[tuple[str, str]]:
    return [("", "Any"), *((group.value, group.label) for group in Group)]


def verdicts() -> list[tuple[str, str]]:
    return [("", "Any"), *verdict_choices()]


class TargetFilter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=100)
    show = forms.ChoiceField(label="Show", required=False, choices=groups)
    state = forms.ChoiceField(label="State", required=False, choices=[("", "Any"), *TargetState.choices])
    verdict = forms.ChoiceField(label="Verdict", required=False, choices=verdicts)
    application = forms.CharField(label="Application", required=False, max_length=256)

    def narrow(self, targets: QuerySet[Target]) -> QuerySet[Target]:
        """The targets that match; none while the filter is not valid. `targets` carry `group`."""
        if not self.is_valid():
            return targets.none()
        wanted = self.cleaned_data
        exact = {
            "group": wanted["show"], "state": wanted["state"], "verdict": wanted["verdict"],
            "asset__application": wanted["application"],
        }  # fmt: skip
        targets = targets.filter(**{name: value for name, value in exact.items() if value})
        text = wanted["q"].replace("\x00", "")
        if text:
            found = (
                Q(asset__name__icontains=text) | Q(instance_id__icontains=text) | Q(reason__icontains=text)
            )
            targets = targets.filter(found)
        return targets

    @property
    def narrows(self) -> bool:
        return self.is_valid() and any(self.cleaned_data.values())


class RunFilter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=100)
    state = forms.ChoiceField(label="State", required=False, choices=[("", "Any"), *RunState.choices])

    def narrow(self, runs: QuerySet[Run]) -> QuerySet[Run]:
        if not self.is_valid():
            return runs.none()
        if self.cleaned_data["state"]:
            runs = runs.filter(state=self.cleaned_data["state"])
        return runs.filter(name__icontains=self.cleaned_data["q"]) if self.cleaned_data["q"] else runs
