"""Forms of exceptions; the rules live in the operations, whose sentences land on the fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms

from exceptions.models import ExceptionRequest
from exceptions.rules import CATEGORIES, MAX_REASON
from exceptions.states import ExceptionState

# A draft is never seen: it lives only inside the transaction that submits it.
SEEN = [choice for choice in ExceptionState.choices if choice[0] != ExceptionState.DRAFT]


class Day(forms.DateInput):
    input_type = "date"


class AskForm(forms.Form):
    from_date = forms.DateField(label="First day", widget=Day(format="%Y-%m-%d"))
    to_date = forms.DateField(label="Last day, still unpatched", widget=Day(format="%Y-%m-%d"))
    time_zone = forms.CharField(
        label="Time zone of these days", max_length=64, widget=forms.TextInput(attrs={"list": "zones"})
    )
    category = forms.ChoiceField(label="Kind of reason", choices=list(CATEGORIES.items()))
    reason = forms.CharField(
        label="Reason",
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="The approver decides by it. What would break, and what protects the servers meanwhile?",
    )

    @staticmethod
    def zones() -> list[str]:
        return sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


class DecisionForm(forms.Form):
    """What is typed beside a decision; which of it a decision needs, its operation says."""

    reason = forms.CharField(
        label="Your reason",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": MAX_REASON}),
    )
    until = forms.DateField(
        label="Last day, still unpatched",
        required=False,
        widget=Day(format="%Y-%m-%d"),
        help_text="To grant fewer days than asked for.",
    )

    def __init__(self, request: ExceptionRequest, data: Mapping[str, Any] | None = None) -> None:
        again = request.state == ExceptionState.RETURNED
        super().__init__(data, initial={"until": request.to_date, "reason": request.reason if again else ""})
        days = {"min": request.from_date.isoformat(), "max": request.to_date.isoformat()}
        self.fields["until"].widget.attrs |= days
        reason: Any = self.fields["reason"]
        if request.state == ExceptionState.SUBMITTED:
            reason.help_text = "Rejecting and asking for changes need one."
        else:
            reason.needed = True  # its operation refuses to do without, and says why


class RegisterFilter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=100)
    state = forms.ChoiceField(label="State", required=False, choices=[("", "Any"), *SEEN])
    mine = forms.ChoiceField(
        label="Whose", required=False, choices=[("", "All I may see"), ("1", "Asked by me")]
    )
