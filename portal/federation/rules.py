"""What a rule of roles may say."""

from __future__ import annotations

from portal.access.rules import Invalid
from portal.access.states import Dimension
from portal.federation.role_rules import ANY
from portal.people.rules import check_scope


def check_rule(*, claim: str, value: str, role: str, dimension: str, scope: str) -> None:
    """Raises Invalid with the field that is wrong."""
    if not claim:
        raise Invalid("Say which claim holds the groups, e.g. groups or cognito:groups.", field="claim")
    if not value:
        raise Invalid("Say which group, e.g. payments-owners, or *-owners.", field="value")
    if value.count(ANY) > 1:
        raise Invalid(f"{value!r} holds more than one *. Use one, or write several rules.", field="value")
    if ANY in scope and ANY not in value:
        raise Invalid(
            f"The * in {scope!r} stands for what the * of the group stands for, and {value!r} has none.",
            field="scope",
        )
    if role:
        _check_right(role, dimension, scope)
    elif scope:
        raise Invalid("A rule that gives no role covers nothing. Leave the name empty.", field="scope")


def _check_right(role: str, dimension: str, scope: str) -> None:
    try:
        check_scope(role, dimension or Dimension.EVERYTHING, scope)
    except Invalid as refusal:
        field = "scope" if refusal.field == "value" else refusal.field
        raise Invalid(str(refusal), field=field) from None
