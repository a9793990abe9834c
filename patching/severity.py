"""How urgent a server is in a list: one number, worked out in the database where it is kept (docs/adr/0094)."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Q

from patching import standing
from patching.standing import Group, Standing
from patching.states import TargetState
from portal.inventory.states import BLOCKING

NO_WINDOW, NOT_PATCHED = "no-window", "unknown"
# The list's groups in the order in which a reader wants to see them; also the values of its state filter.
STATES = {
    Group.NEEDS_YOU.value: Group.NEEDS_YOU.label,
    NO_WINDOW: "In no window",
    Group.LEFT_OUT.value: Group.LEFT_OUT.label,
    NOT_PATCHED: "Not patched yet",
    Group.SUCCESS.value: Group.SUCCESS.label,
}
GRAVE = -1  # of those that need you, what failed or was lost stands before the rest
SEVERITY = {name: place for place, name in enumerate(STATES)}
FUNCTION = "patching_severity(text, text, boolean, boolean, text, boolean)"


def group_at(severity: int) -> str:
    """The group of STATES that a severity belongs to."""
    return Group.NEEDS_YOU if severity == GRAVE else list(STATES)[severity]


def of_group(name: str) -> Q:
    """The rows with a `severity` that the state filter's value stands for."""
    return Q(severity=SEVERITY[name]) | (Q(severity=GRAVE) if name == Group.NEEDS_YOU else Q())


def outcome_key(state: str, verdict: str, behind: bool) -> str:
    """One text for a key of `standing.TABLE`."""
    return f"{state}/{verdict}/{'behind' if behind else ''}"


def function_sql() -> str:
    """The number as a function of the database: (state, verdict, behind) of the last run, whether the server was
    restored since then, its coverage, and whether it is in a window.

    Made from `standing.TABLE`: after each migration the database has the function of the code that was migrated.
    """
    known = _outcomes(lambda _: True)
    return f"""
CREATE OR REPLACE FUNCTION patching_severity(
    state text, verdict text, behind boolean, restored boolean, coverage text, in_window boolean
) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN outcome IN ({_outcomes(lambda found: found.grave)}) OR outcome NOT IN ('//', {known}) THEN {GRAVE}
        WHEN outcome IN ({_outcomes(lambda found: found.group is Group.NEEDS_YOU)}) OR restored
            OR coverage IN ({_texts(sorted(BLOCKING))}) THEN {SEVERITY[Group.NEEDS_YOU]}
        WHEN NOT in_window THEN {SEVERITY[NO_WINDOW]}
        WHEN outcome IN ({_outcomes(lambda found: found.group is Group.LEFT_OUT)}) THEN {SEVERITY[Group.LEFT_OUT]}
        WHEN outcome IN ({_outcomes(lambda found: found.proven)}) THEN {SEVERITY[Group.SUCCESS]}
        ELSE {SEVERITY[NOT_PATCHED]}
    END::smallint
    FROM (SELECT CASE
        WHEN state = '{TargetState.DONE}' AND verdict <> ''
        THEN state || '/' || verdict || CASE WHEN behind THEN '/behind' ELSE '/' END
        ELSE state || '//'
    END AS outcome) AS judged
$$;
"""


def _outcomes(holds: Callable[[Standing], bool]) -> str:
    return _texts([outcome_key(*key) for key, found in standing.TABLE.items() if holds(found)])


def _texts(words: list[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
