"""The last run: what My servers tells first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Subquery

from patching.models import Run, Target
from patching.queries.runs import Progress, count_into
from patching.states import RUN_OVER, RunState
from portal.access.models import User


@dataclass(frozen=True)
class LastRun:
    """A run, and what became in it of the servers that the reader may see."""

    run: Run
    counts: Progress

    @property
    def to_come(self) -> int:
        """Those that still wait or are being worked on."""
        return self.counts.active + self.counts.waiting

    @property
    def over(self) -> bool:
        return self.run.state in RUN_OVER

    @property
    def nothing_done(self) -> bool:
        """It was missed or cancelled."""
        return self.run.state in (RunState.MISSED, RunState.CANCELLED)


RUN_FIELDS = ("pk", "name", "time_zone", "starts_at", "state")


def last_run(user: User, now: datetime) -> LastRun | None:
    """The latest that has begun, or should have, with a server that the user may see; none that only checks.

    Its run has RUN_FIELDS alone: it comes with the counts, in one query.
    """
    begun = Run.objects.visible_to(user).filter(check_only=False, starts_at__lte=now)
    latest = begun.exclude(state=RunState.PLANNED).order_by("-starts_at", "-pk").values("pk")[:1]
    seen = Target.objects.visible_to(user).filter(run=Subquery(latest)).order_by()
    columns = [f"run__{name}" for name in RUN_FIELDS]
    rows = list(seen.values(*columns, "state", "verdict", "behind").annotate(n=Count("pk")))
    if not rows:
        return None
    counts = Progress()
    for row in rows:
        count_into(counts, (row["state"], row["verdict"], row["behind"]), row["n"])
    return LastRun(Run(**{name: rows[0][f"run__{name}"] for name in RUN_FIELDS}), counts)
