"""What is filtered, as chips that can be taken off; the address holds the whole state of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.forms import Form
from django.http import QueryDict

# Moving to another filter starts again at the first page.
POSITION = ("cursor",)


@dataclass(frozen=True)
class Chip:
    """`label` is `value`; `remove_url` is the same list without it."""

    label: str
    value: str
    remove_url: str


def chips_of(form: Form, query: QueryDict) -> list[Chip]:
    """A chip for every filled field of a valid filter form, with the words that the form shows for the value."""
    if not form.is_valid():
        return []
    chips = []
    for name, field in form.fields.items():
        for raw in query.getlist(name):
            if raw:
                label = str(field.label or name.replace("_", " ").capitalize())
                chips.append(Chip(label, _words(field, raw), _without(query, name, raw)))
    return chips


def _words(field: Any, raw: str) -> str:
    choices = {str(value): str(words) for value, words in getattr(field, "choices", ())}
    return choices.get(raw, raw)


def _without(query: QueryDict, name: str, raw: str) -> str:
    rest = query.copy()
    rest.setlist(name, [value for value in query.getlist(name) if value != raw])
    for key in POSITION:
        rest.pop(key, None)
    return f"?{rest.urlencode()}"
