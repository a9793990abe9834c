"""The filter of the audit trail."""

from __future__ import annotations

from django import forms

# Whatever is written has one of these first words; the second says what became of it.
SUBJECTS = {
    "account": "AWS accounts",
    "act": "Refused acts",
    "exception": "Exceptions",
    "export": "Exports",
    "person": "People and rights",
    "power": "Starting and stopping",
    "role_rule": "Roles from groups",
    "run": "Runs",
    "sending": "Pause of all sending",
    "sign_in": "Signing in",
    "tag": "Tags",
    "target": "Servers in runs",
    "token": "Tokens of the API",
    "window": "Windows",
}


class Day(forms.DateInput):
    input_type = "date"


class AuditFilter(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=200)
    kind = forms.ChoiceField(label="About", required=False, choices=[("", "Anything"), *SUBJECTS.items()])
    actor = forms.CharField(label="Done by", required=False, max_length=200)
    since = forms.DateField(label="From day", required=False, widget=Day(format="%Y-%m-%d"))
    until = forms.DateField(label="To day", required=False, widget=Day(format="%Y-%m-%d"))

    def clean(self) -> dict[str, object]:
        wanted = super().clean() or self.cleaned_data
        for name in ("since", "until"):
            day = wanted.get(name)
            if day and not 2000 <= day.year <= 2100:
                self.add_error(name, f"{day} is outside the years 2000 to 2100.")
        since, until = wanted.get("since"), wanted.get("until")
        if since and until and until < since:
            self.add_error("until", f"{until} is before {since}. Choose a later day.")
        return wanted
