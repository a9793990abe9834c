"""Filters of the lists: one definition for page, bulk selection and export."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from patching.models import Window
from patching.severity import STATES, of_group
from portal.access.models import User
from portal.inventory.models import Asset
from portal.inventory.states import Coverage
from reports.queries.named import matching
from reports.queries.servers import listed, windows_of

ANY = [("", "Any")]
MOST_LETTERS = 2000  # the address holds them
TOO_LONG = (
    f"More than {MOST_LETTERS:,} characters are too many for one search. Search for fewer names at a time."
)


class ServerFilter(forms.Form):
    q = forms.CharField(
        label="Search", required=False, max_length=MOST_LETTERS, error_messages={"max_length": TOO_LONG}
    )
    state = forms.ChoiceField(label="State", required=False, choices=ANY + list(STATES.items()))
    application = forms.CharField(label="Application", required=False, max_length=256)
    environment = forms.CharField(label="Environment", required=False, max_length=256)
    platform = forms.ChoiceField(
        label="Platform", required=False, choices=[*ANY, ("linux", "Linux"), ("windows", "Windows")]
    )
    coverage = forms.ChoiceField(
        label="Cannot be patched because", required=False, choices=ANY + Coverage.choices
    )
    account = forms.CharField(label="Account", required=False, max_length=12)
    window = forms.ChoiceField(label="Window", required=False)

    def __init__(self, query: QueryDict, windows: dict[int, Window]) -> None:
        """`windows`: those in which the reader has servers, by their keys."""
        super().__init__(query)
        self.windows = windows
        offered = sorted((window.name, window.slug) for window in windows.values())
        self.fields["window"].choices = ANY + [(slug, name) for name, slug in offered]  # type: ignore[attr-defined]

    @property
    def narrows(self) -> bool:
        """Whether it asks for less than everything; also by a value that does not exist."""
        return not self.is_valid() or any(self.cleaned_data.values())


def servers(user: User, query: QueryDict) -> tuple[ServerFilter, QuerySet[Asset]]:
    """The servers that the user may see and the address asks for; a filter value that does not exist finds nothing."""
    form = ServerFilter(query, windows_of(user))
    rows: Any = listed(user)  # its annotations are beyond the type checker
    if not form.is_valid():
        return form, rows.none()
    wanted = form.cleaned_data
    if wanted["q"]:
        rows = matching(rows, wanted["q"])
    if wanted["state"]:
        rows = rows.filter(of_group(wanted["state"]))
    if wanted["window"]:
        rows = rows.filter(
            window_id__in=[pk for pk, window in form.windows.items() if window.slug == wanted["window"]]
        )
    if wanted["account"]:
        rows = rows.filter(account__account_id=wanted["account"])
    if wanted["coverage"]:
        rows = rows.filter(coverage_reasons__contains=wanted["coverage"])
    same = {name: wanted[name] for name in ("application", "environment", "platform") if wanted[name]}
    return form, rows.filter(**same)
