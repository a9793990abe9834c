"""What AWS refuses runs now, as their pages say it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from patching.models import Hindrance, Run
from patching.models.hindrances import BUCKET, POWER
from patching.states import RUN_OVER, RunState, TargetState
from portal.sentences import inside_a_sentence


@dataclass(frozen=True)
class Hindered:
    """The refusals of one run, what stops it first.

    `whole` is what stops all of it, `power` what stops all that it does to stopped servers; each may be empty.
    """

    run: Run
    rows: list[Hindrance] = field(default_factory=list)
    whole: str = ""
    stopping: frozenset[int] = frozenset()  # keys of the rows that `whole` is made of
    power: str = ""

    @property
    def lines(self) -> list[tuple[Hindrance, bool]]:
        """Each refusal, and whether it stops the whole run."""
        return [(row, row.pk in self.stopping) for row in self.rows]

    @property
    def heading(self) -> str:
        return self._said("This run", "this run")

    @property
    def named(self) -> str:
        return self._said(self.run.name, self.run.name)

    def _said(self, who: str, inside: str) -> str:
        """Empty while each kind of its work goes on somewhere."""
        cannot = "cannot start" if self.run.state == RunState.PLANNED else "cannot go on"
        if self.whole:
            return f"{who} {cannot}: {inside_a_sentence(self.whole)}."
        return f"A part of {inside} {cannot}: {inside_a_sentence(self.power)}." if self.power else ""


def hindered(runs: Iterable[Run]) -> dict[int, Hindered]:
    """Run pk → what hinders it, for those of these runs that are hindered."""
    known = {run.pk: run for run in runs if run.state not in RUN_OVER}
    found: dict[int, list[Hindrance]] = defaultdict(list)
    rows = Hindrance.objects.filter(run__in=list(known), over_at=None) if known else ()
    for row in rows:
        found[row.run_id].append(row)
    return {pk: _of(known[pk], rows) for pk, rows in found.items()}


def hindered_run(run: Run) -> Hindered:
    return hindered([run]).get(run.pk) or Hindered(run)


def stopping(run: Run) -> Hindrance | None:
    """What keeps the whole run from sending."""
    return run.hindrances.filter(subject=BUCKET, over_at=None).first()


def _of(run: Run, rows: list[Hindrance]) -> Hindered:
    shut = {row.place for row in rows if row.place and not row.right}
    rows = [row for row in rows if not (row.right and row.place in shut)]
    rows.sort(key=lambda row: (row.subject != BUCKET, not row.place, row.right, row.pk))
    cause = _stopping(run, rows)
    whole = _said(cause) if cause else ""
    power = next((row.title for row in rows if row.subject in POWER), "")
    return Hindered(run, rows, whole, frozenset(row.pk for row in cause), power)


def _stopping(run: Run, rows: list[Hindrance]) -> list[Hindrance]:
    """What stops all of it: no bucket, or the same in every place; none while any place of it works."""
    if rows[0].subject == BUCKET:
        return rows[:1]
    alike: dict[str, list[Hindrance]] = defaultdict(list)
    for row in rows:
        if row.place:
            alike[row.right].append(row)
    taking_part = run.targets.exclude(state=TargetState.SKIPPED).order_by()
    places = taking_part.values_list("account_id", "region").distinct().count() if alike else 0
    return next((same for same in alike.values() if 0 < places <= len(same)), [])


def _said(cause: list[Hindrance]) -> str:
    if len(cause) == 1:
        return cause[0].title
    if not cause[0].right:
        return f"none of its {len(cause)} accounts and regions lets the portal in"
    what = cause[0].title.partition(" in account ")[0]
    return f"{what} in any of its {len(cause)} accounts and regions"
