"""The rows of one page of servers under the headings of what became of them, the worst first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from patching.severity import STATES, group_at
from patching.standing import Group
from reports.queries.servers import Row


@dataclass(frozen=True)
class Section:
    """Rows of one heading. `count`: of all pages, where it is known; `folded`: shown when somebody asks for them."""

    heading: str
    rows: list[Row]
    count: int | None = None
    folded: bool = False


def sections(rows: Iterable[Row], counts: Mapping[str, int] | None) -> list[Section]:
    """`rows` as the list is sorted by itself. With `counts`, of the groups of the whole list, good ones are folded."""
    found = [(group, list(some)) for group, some in groupby(rows, _group)]
    fold = counts is not None and len(found) > 1
    return [
        Section(STATES[group], some, counts[group] if counts else None, fold and group == Group.SUCCESS)
        for group, some in found
    ]


def _group(row: Row) -> str:
    return group_at(row.asset.severity)  # type: ignore[attr-defined]  # an annotation of the list
