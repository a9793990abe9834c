"""What AWS refuses runs now, as their pages say it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from patching.models import Hindrance, Run
from patching.models.hindrances import BUCKET, PLACE
from patching.states import RUN_OVER, RunState
from portal.sentences import inside_a_sentence


@dataclass(frozen=True)
class Hindered:
    """The refusals of one run, what stops it first. `whole` is what stops all of it; empty while a part goes on."""

    run: Run
    rows: list[Hindrance] = field(default_factory=list)
    whole: str = ""

    @property
    def lines(self) -> list[tuple[Hindrance, bool]]:
        """Each refusal, and whether it stops the whole run."""
        if not self.whole:
            return [(row, False) for row in self.rows]
        kind = BUCKET if self.rows[0].subject == BUCKET else PLACE
        return [(row, row.subject.startswith(kind)) for row in self.rows]

    @property
    def heading(self) -> str:
        return self.said_of("This run")

    @property
    def named(self) -> str:
        return self.said_of(self.run.name)

    def said_of(self, who: str) -> str:
        cannot = "cannot start" if self.run.state == RunState.PLANNED else "cannot go on"
        return f"{who} {cannot}: {inside_a_sentence(self.whole)}." if self.whole else ""


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
    rows = sorted(rows, key=lambda row: (row.subject != BUCKET, not row.subject.startswith(PLACE), row.pk))
    return Hindered(run, rows, _whole(run, rows))


def _whole(run: Run, rows: list[Hindrance]) -> str:
    """What stops all of it; empty while any place of it works."""
    if rows[0].subject == BUCKET:
        return rows[0].title
    places = [row for row in rows if row.subject.startswith(PLACE)]
    if not places:
        return ""
    if len(places) < run.targets.order_by().values_list("account_id", "region").distinct().count():
        return ""
    return (
        places[0].title
        if len(places) == 1
        else f"none of its {len(places)} accounts and regions lets the portal in"
    )
