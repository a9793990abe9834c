"""An admin steers a run that is under way: try servers again, leave one out, give it more time. Each with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from patching.models import Run, Target
from patching.operations import targets
from patching.operations.runs import lock, needed_reason, plan_ad_hoc
from patching.rules import check_extensible
from patching.standing import outcomes_that, standing_of
from patching.states import BEFORE_SENDING, RUN_OVER, RunState, TargetState
from portal.access.models import User
from portal.access.rules import Conflict, Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import Entry, record
from portal.sentences import counted

ACTIVE = {RunState.WAKING, RunState.CHECKING, RunState.PATCHING}
LONGEST_EXTENSION_MIN = 240
LONGEST_RUN = timedelta(hours=24)
T = TargetState
# The same question as worth_a_retry, asked of rows in the database.
WORTH_A_RETRY = outcomes_that(lambda standing: standing.retryable)


def worth_a_retry(target: Target) -> bool:
    """Whether something is left to try: it failed, was blocked or lost, or only partly patched."""
    return standing_of(target.state, target.verdict).retryable


def retry(*, run: Run, ids: Iterable[int] | None = None, by: User, reason: str, now: datetime) -> Run:
    """Tries failed servers again: a new attempt inside the run before its cutoff, else a run of its own.

    `ids` None: every server that is worth it. Returns the run that does the work. A lost server may still be at work
    on its first command; its package manager's own lock keeps the two apart.
    """
    check_role(by, Role.ADMIN)
    reason = needed_reason(reason)
    with transaction.atomic():
        locked = lock(run)
        chosen = _chosen(locked, ids)
        if locked.state in ACTIVE and now < locked.cutoff_at:
            _again(chosen, by=by, reason=reason, now=now)
            return locked
        if locked.state not in RUN_OVER:
            raise Conflict("This run is ending: its clean-up is under way. Retry as soon as it is over.")
        return _new_run(locked, chosen, by=by, reason=reason, now=now)


def _chosen(run: Run, ids: Iterable[int] | None) -> list[Target]:
    rows = run.targets.select_for_update(of=("self",)).filter(WORTH_A_RETRY).select_related("asset__account")
    rows = rows if ids is None else rows.filter(pk__in=list(ids))
    chosen = list(rows.order_by("pk"))
    if not chosen:
        raise Invalid("None of these servers failed, so there is nothing to try again.", field="targets")
    return chosen


def _again(chosen: list[Target], *, by: User, reason: str, now: datetime) -> None:
    facts: dict[str, Any] = {"since": now, "reason": f"Tried again: {reason}", "reason_code": "retry"}
    blank = {
        "verdict": "",
        "agreement": "",
        "cleaned_at": None,
        "kernel_after": "",
        "attempt": F("attempt") + 1,
    }
    asleep = [row for row in chosen if row.reason_code == "not_started"]  # started before they are checked
    others = [row for row in chosen if row.reason_code != "not_started"]
    for rows, to in ((asleep, T.PLANNED), (others, T.WAITING)):
        targets.MOVER.move_locked(rows, to, said=reason, by=by, back=True, fields=facts | blank)


def _new_run(run: Run, chosen: list[Target], *, by: User, reason: str, now: datetime) -> Run:
    """After the cutoff: an ad-hoc run of the same servers, as long as the window would be."""
    length, cutoff = run.ends_at - run.starts_at, run.cutoff_at - run.starts_at
    made = plan_ad_hoc(
        name=f"{run.name}, failed servers again"[:120],
        like=run,
        starts_at=now,
        cutoff_at=now + cutoff,
        ends_at=now + length,
        assets=[row.asset for row in chosen],
        by=by,
        now=now,
    )
    said = f"Tries {counted(len(chosen), 'server')} of {run.name} again: {reason}"
    record(Entry("run.retried", "run", str(made.pk), said, run_id=made.pk, detail={"of": run.pk}), by=by)
    return made


def skip(*, target: Target, by: User, reason: str, now: datetime) -> None:
    """Leaves one server out of a run. What is sent already cannot be called back, and is refused."""
    check_role(by, Role.ADMIN)
    reason = needed_reason(reason)
    with transaction.atomic():
        lock(target.run)
        said = f"Left out by {by.display_name}: {reason}"
        waiting = Target.objects.filter(pk=target.pk, state__in=BEFORE_SENDING).values_list("pk", flat=True)
        if not targets.move(waiting, T.SKIPPED, now=now, code="skipped_by_hand", reason=said, by=by):
            target.refresh_from_db()
            label = T(target.state).label.lower()
            raise Conflict(f"{target.asset.label} is {label}: only what has not been sent can be left out.")


def extend(*, run: Run, minutes: int, by: User, reason: str, now: datetime) -> Run:
    """Moves the cutoff of a run that is under way, and its end where the cutoff would pass it.

    Whoever is exempt in the added time is still left out: that is asked again before each batch.
    """
    check_role(by, Role.ADMIN)
    reason = needed_reason(reason)
    if not 1 <= minutes <= LONGEST_EXTENSION_MIN:
        raise Invalid(f"{minutes} minutes: choose 1 to {LONGEST_EXTENSION_MIN}.", field="minutes")
    with transaction.atomic():
        locked = lock(run)
        check_extensible(locked, now)
        cutoff = locked.cutoff_at + timedelta(minutes=minutes)
        ends = max(locked.ends_at, cutoff)
        if ends - locked.starts_at > LONGEST_RUN:
            raise Invalid("A run lasts 24 hours at the most. Choose fewer minutes.", field="minutes")
        Run.objects.filter(pk=run.pk).update(cutoff_at=cutoff, ends_at=ends, next_look_at=now)
        said = f"Cutoff {minutes} minutes later: {reason}"
        detail = {"from": locked.cutoff_at.isoformat(), "to": cutoff.isoformat()}
        record(Entry("run.extended", "run", str(run.pk), said, run_id=run.pk, detail=detail), by=by)
        locked.refresh_from_db()
    return locked
