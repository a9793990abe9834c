"""Sample content of the component gallery. It shows looks; none of it is real."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from portal.tones import Tone
from portal.web.charts import Part
from portal.web.filters import Chip
from portal.web.month import Entry, month_of
from portal.web.paging import Page

RUN_PARTS = [
    Part("patched", 412, Tone.SUCCESS, "#"),
    Part("running", 268, Tone.ACTIVE, "#"),
    Part("need you", 6, Tone.ATTENTION, "#"),
    Part("failed", 9, Tone.DANGER, "#"),
    Part("waiting", 545, Tone.UNKNOWN, "#"),
]
ROWS = [
    ("pay-api-3", "No window", Tone.ATTENTION, "", "6.1.96", "23 waiting, 2 exploited", "Pick one"),
    (
        "pay-db-1",
        "Failed",
        Tone.DANGER,
        "Disk full on /var: 212 MB free, 900 MB needed.",
        "6.1.96",
        "19 waiting",
        "Why?",
    ),
    ("pay-db-2", "Excepted to 12 Dec", Tone.UNKNOWN, "", "6.1.96", "19 waiting", ""),
    ("pay-batch-1", "Patching", Tone.ACTIVE, "", "6.1.96", "23 waiting", ""),
    ("pay-api-1", "Patched", Tone.SUCCESS, "", "6.1.112", "none", ""),
    (
        "pay-edge-with-a-long-name.eu-central-1.example",
        "Never seen",
        Tone.UNKNOWN,
        "",
        Tone.UNKNOWN,
        Tone.UNKNOWN,
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
            Part(f"day {n}", 1, Tone.UNKNOWN if n % 7 else (Tone.DANGER if n == 21 else Tone.SUCCESS))
            for n in range(1, 43)
        ],
        "moments": [now - timedelta(minutes=12), now - timedelta(hours=30), now + timedelta(days=4), None],
        "window_end": now + timedelta(hours=4),
        "now": now,
    }


def _entries(today: date) -> dict[date, list[Entry]]:
    days = {
        0: Entry("Saturday production", Tone.ACTIVE, "#", "22:00"),
        -7: Entry("31 patched", Tone.SUCCESS, "#"),
    }
    entries = {today + timedelta(days=days_away): [entry] for days_away, entry in days.items()}
    entries[today + timedelta(days=3)] = [
        Entry("Year-end freeze", Tone.UNKNOWN),
        Entry("3 need a window", Tone.ATTENTION, "#"),
    ]
    return entries
