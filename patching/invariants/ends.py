"""I14: nothing is asked for ever, and one run's leftover never decides another run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q

from patching.invariants.violation import Ids, Violation
from patching.models import PowerHold, RootSnapshot, SchedulerHold
from patching.policy.patience import DELETIONS, STOPPED_WITHIN, STOPS, stopped_by
from patching.states import HoldState, SnapshotState, TargetState
from portal.tags.models import TagChange
from portal.tags.states import TagState

H = HoldState
SLACK = timedelta(minutes=15)  # of a worker that is late
WAITED = timedelta(minutes=2)  # more than between two looks, and between a refusal and the next try


def every_refusal_has_an_end(runs: Ids) -> Iterator[Violation]:
    """I14: no stop and no schedule is tried more often than may be, and what was refused ended with a reason."""
    holds = PowerHold.objects.filter(run__in=runs).select_related("asset")
    for row in holds.filter(stop_attempts__gt=STOPS.most_tries):
        yield Violation("I14", row.run_id, f"{row.asset.label} was to be stopped {row.stop_attempts} times.")
    for row in holds.filter(state__in=[H.FAILED, H.NOT_STOPPED], reason=""):
        yield Violation("I14", row.run_id, f"{row.asset.label} is {row.state}, and nothing says why.")
    tags = SchedulerHold.objects.filter(run__in=runs).select_related("asset")
    for tag in tags.filter(Q(attempts__gt=STOPS.most_tries) | Q(released_at__isnull=False, reason="")):
        said = f"The tag {tag.key} of {tag.asset.label} was to be given back {tag.attempts} times."
        yield Violation("I14", tag.run_id, said)


def leftovers_decide_nothing(runs: Ids) -> Iterator[Violation]:
    """I14: no server is called stopped because another run could not stop it.

    Its tag stood, and no start was tried for as long as the other run tried to stop it.
    """
    other = PowerHold.objects.filter(
        asset=OuterRef("asset"), releasing_at__lte=OuterRef("since") - WAITED, stop_attempts__gt=1
    ).exclude(run=OuterRef("run"))
    tag = TagChange.objects.filter(
        run_id=OuterRef("run_id"), instance_id=OuterRef("asset__instance_id"), key=settings.TAG_KEYS["wake"],
        state=TagState.VERIFIED, value__isnull=False, finished_at__lte=OuterRef("since") - WAITED,
    )  # fmt: skip
    lost = PowerHold.objects.filter(
        run__in=runs, state=H.FAILED, attempts=0, run__targets__asset=F("asset"),
        run__targets__state=TargetState.BLOCKED, run__targets__reason_code="not_started",
    ).annotate(since=F("run__targets__since"))  # fmt: skip
    still = Q(released_at=None) | Q(released_at__gte=OuterRef("since"))
    for row in lost.filter(Exists(other.filter(still)), Exists(tag)).select_related("asset"):
        said = f"{row.asset.label} was not started: another run still tried to stop it."
        yield Violation("I14", row.run_id, said)


def holds_end_in_time(runs: Ids, *, now: datetime) -> Iterator[Violation]:
    """I14: an hour after the window, or after it was let go, a server is stopped, given away or left running."""
    rows = PowerHold.objects.filter(run__in=runs, state=H.RELEASING).select_related("asset", "run")
    for row in rows:
        last = stopped_by(row.run.ends_at, row.releasing_at or row.wanted_at)
        if now > last + SLACK:
            said = (
                f"{row.asset.label} is still to be stopped; that had to be over by {last:%Y-%m-%d %H:%M} UTC."
            )
            yield Violation("I14", row.run_id, said)
    snapshots = RootSnapshot.objects.filter(run__in=runs, state=SnapshotState.DELETING)
    for old in snapshots.filter(
        expires_at__lt=now - DELETIONS.ends - timedelta(seconds=DELETIONS.most_s) - SLACK
    ):
        yield Violation(
            "I14", old.run_id, f"{old.snapshot_id} is still to be deleted, a month after its time."
        )
    held = SchedulerHold.objects.filter(run__in=runs, released_at=None, due_at__lt=now - STOPPED_WITHIN)
    for tag in held.select_related("asset"):
        said = (
            f"The tag {tag.key} of {tag.asset.label} is still to be given back, and nobody has tried since."
        )
        yield Violation("I14", tag.run_id, said)
