"""Sample content of the component gallery. It shows looks; none of it is real."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from portal.web.charts import Part
from portal.web.filters import Chip
from portal.web.month import Entry, month_of
from portal.web.paging import Page

RUN_PARTS = [
    Part("patched", 412, "good", "#"),
    Part("running", 268, "busy", "#"),
    Part("need you", 6, "needs", "#"),
    Part("failed", 9, "bad", "#"),
    Part("waiting", 545, "unknown", "#"),
]
ROWS = [
    ("pay-api-3", "No window", "needs", "", "6.1.96", "23 waiting, 2 exploited", "Pick one"),
    (
        "pay-db-1",
        "Failed",
        "bad",
        "Disk full on /var: 212 MB free, 900 MB needed.",
        "6.1.96",
        "19 waiting",
        "Why?",
    ),
    ("pay-db-2", "Excepted to 12 Dec", "unknown", "", "6.1.96", "19 waiting", ""),
    ("pay-batch-1", "Patching", "busy", "", "6.1.96", "23 waiting", ""),
    ("pay-api-1", "Patched", "good", "", "6.1.112", "none", ""),
    (
        "pay-edge-with-a-long-name.eu-central-1.example",
        "Never seen",
        "unknown",
        "",
        "unknown",
        "unknown",
        "Why?",
    ),
]


class SampleForm(forms.Form):
    """A form with every kind of field, filled in wrongly."""

    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), help_text="The approver reads this first."
    )
    until = forms.DateField(label="Until", widget=forms.DateInput(attrs={"type": "date"}))
    kind = forms.ChoiceField(
        label="Why it must wait",
        choices=[("audit", "An audit is going on"), ("release", "A release is close")],
        widget=forms.RadioSelect,
    )
    window = forms.ChoiceField(
        label="Window", choices=[("", "Choose one"), ("sat", "Saturday production, 22:00")]
    )
    ticket = forms.CharField(label="Ticket", required=False, help_text="For example CHG-1042.")
    tell = forms.BooleanField(label="Tell me when it is decided", required=False)


def samples() -> dict[str, Any]:
    """Everything that the gallery template shows."""
    now = timezone.now()
    return {
        "run_parts": RUN_PARTS,
        "rows": ROWS,
        "form": SampleForm({"ticket": "CHG-1042", "tell": "on"}),
        "chips": [Chip("Application", "Payments", "?"), Chip("Environment", "production", "?")],
        "month": month_of(now.year, now.month, _entries(now.date()), today=now.date()),
        "page": Page(rows=list(ROWS), next_cursor="x", previous_cursor="y"),
        "trend": [
            (f"{week}", value) for week, value in enumerate((62, 64, 71, 70, 78, 83, 82, 91), start=40)
        ],
        "weeks": [Part(f"{n} Nov", n * 7 % 23 + 4, "accent") for n in range(1, 9)],
        "days": [
            Part(f"day {n}", 1, "unknown" if n % 7 else ("bad" if n == 21 else "good")) for n in range(1, 43)
        ],
        "moments": [now - timedelta(minutes=12), now - timedelta(hours=30), now + timedelta(days=4), None],
        "window_end": now + timedelta(hours=4),
        "now": now,
    }


def _entries(today: date) -> dict[date, list[Entry]]:
    days = {0: Entry("Saturday production", "busy", "#", "22:00"), -7: Entry("31 patched", "good", "#")}
    entries = {today + timedelta(days=days_away): [entry] for days_away, entry in days.items()}
    entries[today + timedelta(days=3)] = [
        Entry("Year-end freeze", "unknown"),
        Entry("3 need a window", "needs", "#"),
    ]
    return entries
