"""How the audit trail tells a change of a window's own fields."""

import pytest

from patching.forms import WindowForm
from patching.window_facts import LABELS, told_changes


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("duration_minutes", 240, 600, "Length in minutes: 240 → 600"),
        ("frequency", "weekly", "monthly", "How often: Every week → Once a month"),
        ("nth", None, 2, "Which one of the month: nothing → Second"),
        ("active", True, False, "On offer: yes → no"),
    ],
)
def test_a_change_is_told_in_the_words_of_the_form(name, old, new, told):
    assert told_changes()[name](old, new) == told


def test_each_field_of_the_form_has_its_label_here():
    assert {
        name: str(field.label) for name, field in WindowForm.base_fields.items()
    }.items() <= LABELS.items()
