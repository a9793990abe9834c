"""I8: who was in flight at the same time, from the moment of sending until the result was stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db.models import Min, QuerySet

from patching.invariants.violation import Ids, Violation
from patching.models import Dispatch, DispatchTarget, Run, Wave
from patching.states import Phase, WaveState

Flight = tuple[datetime, datetime | None]  # sent, result stored; None: still out


def concurrency_is_kept(runs: Ids) -> Iterator[Violation]:
    """I8: never more servers of a run at once than its policy allows."""
    flights: dict[int, list[Flight]] = defaultdict(list)
    for run_id, sent, stored in _patches(runs).values_list(
        "dispatch__run", "dispatch__claimed_at", "collected_at"
    ):
        flights[run_id].append((sent, stored))
    for run in Run.objects.filter(pk__in=list(flights)):
        limit, most = run.run_policy.concurrency, most_at_once(flights[run.pk])
        if most > limit:
            yield Violation("I8", run.pk, f"{most} servers were in flight at once; {limit} are allowed.")


def clusters_go_one_by_one(runs: Ids) -> Iterator[Violation]:
    """I8: never two members of a cluster at once, in one run or in two."""
    flights: dict[str, list[Flight]] = defaultdict(list)
    last: dict[str, int] = {}
    rows = _patches(runs).exclude(target__cluster="")
    for name, run_id, sent, stored in rows.values_list(
        "target__cluster", "dispatch__run", "dispatch__claimed_at", "collected_at"
    ):
        flights[name].append((sent, stored))
        last[name] = run_id
    for name, found in flights.items():
        if (most := most_at_once(found)) > 1:
            yield Violation("I8", last[name], f"{most} members of the cluster {name} were in flight at once.")


def waves_wait(runs: Ids) -> Iterator[Violation]:
    """I8: no command of a wave before the wave in front of it has passed."""
    first = Dispatch.objects.filter(run__in=runs, phase=Phase.PATCH).order_by().values("run", "wave")
    begun = {(row["run"], row["wave"]): row["at"] for row in first.annotate(at=Min("claimed_at"))}
    for wave in Wave.objects.filter(run__in=runs, state=WaveState.PASSED, ended_at__isnull=False):
        at = begun.get((wave.run_id, wave.number + 1))
        if at and wave.ended_at and at < wave.ended_at:
            said = f"Wave {wave.number + 1} was sent at {at}, before wave {wave.number} had passed."
            yield Violation("I8", wave.run_id, said)


def most_at_once(flights: Iterable[Flight]) -> int:
    """The largest number in flight together; who lands at the instant of another's start has made room for it."""
    events: list[tuple[datetime, int]] = []
    for sent, stored in flights:
        events.append((sent, 1))
        if stored is not None:
            events.append((max(sent, stored), -1))
    most = flying = 0
    for _, change in sorted(events):
        flying += change
        most = max(most, flying)
    return most


def _patches(runs: Ids) -> QuerySet[DispatchTarget]:
    return DispatchTarget.objects.filter(dispatch__run__in=runs, phase=Phase.PATCH).order_by("pk")
