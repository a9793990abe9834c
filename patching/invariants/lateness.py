"""I5 and I12 by the clock: a run ends in time, and no run that is due is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q

from patching.invariants.violation import Ids, Violation
from patching.models import Run
from patching.policy.patience import STOPPED_WITHIN
from patching.states import RUN_OVER

CLEANED_WITHIN = 2 * STOPPED_WITHIN  # after the end bound: hosts stopped again, and then their tags away
LOOKED_AT_WITHIN = timedelta(minutes=15)  # ticks come every few seconds


def ends_in_time(runs: Ids, *, now: datetime) -> Iterator[Violation]:
    """I5: a bounded time after the window's end a run is over, also if AWS never answers."""
    for run in Run.objects.filter(pk__in=runs).exclude(state__in=RUN_OVER):
        last = run.ends_at + timedelta(seconds=run.run_policy.end_bound_s) + CLEANED_WITHIN
        if now > last:
            yield Violation(
                "I5", run.pk, f"It is still {run.state}; it had to be over by {last:%Y-%m-%d %H:%M} UTC."
            )


def nobody_is_passed_over(runs: Ids, *, now: datetime) -> Iterator[Violation]:
    """I12: whoever runs this audit has workers, so a run that is due for long was kept waiting by something."""
    free = Q(lease_until=None) | Q(lease_until__lt=now - LOOKED_AT_WITHIN)
    due = Run.objects.filter(free, pk__in=runs, next_look_at__lt=now - LOOKED_AT_WITHIN)
    for run in due.exclude(state__in=RUN_OVER):
        yield Violation(
            "I12", run.pk, f"It is due since {run.next_look_at:%Y-%m-%d %H:%M} UTC and nobody looked at it."
        )
