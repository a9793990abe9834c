"""The rows of one page of servers under the headings of what became of them, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from patching.standing import TROUBLE, Group
from reports.queries.servers import SEVERITY, STATES, Row

NEEDS_YOU = "Needs you"
HEADINGS = STATES | dict.fromkeys((group.value for group in TROUBLE), NEEDS_YOU)
HEADING_AT = {place: HEADINGS[name] for name, place in SEVERITY.items()}
GOOD = HEADINGS[Group.SUCCESS]


@dataclass(frozen=True)
class Section:
    """Rows of one heading. `count`: of all pages, where it is known; `folded`: shown when somebody asks for them."""

    heading: str
    rows: list[Row]
    count: int | None = None
    folded: bool = False


def sections(rows: Iterable[Row], counts: Mapping[str, int] | None) -> list[Section]:
    """`rows` as the list is sorted by itself. With `counts`, of the groups of the whole list, good ones are folded."""
    found = [(heading, list(some)) for heading, some in groupby(rows, _heading)]
    fold = counts is not None and len(found) > 1
    return [
        Section(heading, some, _count(heading, counts), fold and heading == GOOD) for heading, some in found
    ]


def _heading(row: Row) -> str:
    return HEADING_AT[row.asset.severity]  # type: ignore[attr-defined]  # an annotation of the list


def _count(heading: str, counts: Mapping[str, int] | None) -> int | None:
    if counts is None:
        return None
    return sum(number for name, number in counts.items() if HEADINGS[name] == heading)
