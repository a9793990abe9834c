"""The last run: what My servers tells first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from patching.models import Run, Target
from patching.queries.runs import Progress, progress
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


def last_run(user: User, now: datetime) -> LastRun | None:
    """The latest that has begun, or should have, with a server that the user may see; none that only checks."""
    begun = Run.objects.visible_to(user).filter(check_only=False, starts_at__lte=now)
    run = begun.exclude(state=RunState.PLANNED).order_by("-starts_at", "-pk").first()
    if run is None:
        return None
    return LastRun(run, progress(run, Target.objects.visible_to(user).filter(run=run)))
